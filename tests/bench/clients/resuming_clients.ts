/**
 * Clients as a process of a benchmark that come back all at once, as after a restart: each time that it
 * is asked, they connect by a schedule, send what they are told to, and leave when all have got what
 * they have missed.
 */
import { clientFrame, openQuickSocket } from "../../_support/clients/quick_socket.ts";
import { exactNow } from "../harness/clock.ts";
import { TextCounter } from "./counters.ts";
import { answer, childOptions, say } from "../harness/parent.ts";

/** What it is told at its start. */
export interface ResumingOptions {
  readonly port: number;
  /** How many clients. */
  readonly clients: number;
  /** Milliseconds over which their connecting is spread evenly. */
  readonly overMs: number;
  /** What each sends, as JSON, in which `{client}` is its number and `{since}` the cursor. */
  readonly requests: readonly unknown[];
  /** What is counted: occurrences of a text. */
  readonly counted: string;
  /** How many of them each has missed. */
  readonly missed: number;
}

/** What came of it. */
export interface Resumed {
  readonly count: number;
  /** Milliseconds from when the first was to connect until each had all, the longest. */
  readonly lastMs: number;
}

/** Milliseconds to wait for what does not come. */
const TIMEOUT_MS = 30_000;

const { port, clients, overMs, requests, counted, missed }: ResumingOptions = childOptions();
const texts = requests.map((request) => JSON.stringify(request));

say({});

await answer(async ({ since }: { since: string }): Promise<Resumed> => {
  const conns: Deno.Conn[] = [];
  const all = Promise.withResolvers<void>();
  let count = 0;
  let left = clients;
  let lastAt = NaN;

  async function resume(client: number): Promise<void> {
    const frames = texts.map((text) =>
      clientFrame(text.replaceAll("{client}", String(client)).replaceAll("{since}", since))
    );
    const { conn } = await openQuickSocket({ port, frames });
    conns.push(conn);
    const counter = new TextCounter(counted);
    const buffer = new Uint8Array(16_384);
    let own = 0;
    for (let length; (length = await conn.read(buffer)) !== null;) {
      const found = counter.take(buffer.subarray(0, length));
      const isDone = own < missed && own + found >= missed;
      own += found;
      count += found;
      if (!isDone || --left > 0) continue;
      lastAt = exactNow();
      all.resolve();
    }
  }

  const startAt = exactNow();
  for (let client = 0; client < clients;) {
    for (; client < clients && startAt + client * overMs / clients <= exactNow(); client++) {
      // Who is sent away has not got what it has missed.
      resume(client).catch(() => {});
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const timer = setTimeout(all.resolve, TIMEOUT_MS);
  await all.promise;
  clearTimeout(timer);
  for (const conn of conns) conn.close();
  return { count, lastMs: lastAt - startAt };
});

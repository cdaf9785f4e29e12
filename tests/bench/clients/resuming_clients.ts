/**
 * A process with clients that come back at once, as after a restart. Each time that the process is asked,
 * the clients connect by a schedule, send their requests, and leave when all of them have what they
 * missed.
 */
import { clientFrame, openQuickSocket } from "../../_support/clients/quick_socket.ts";
import { exactNow } from "../harness/clock.ts";
import { TextCounter } from "./counters.ts";
import { answer, childOptions, say } from "../harness/parent.ts";

/** The options of the process. */
export interface ResumingOptions {
  readonly port: number;
  /** How many clients. */
  readonly clients: number;
  /** Milliseconds over which the connects are spread evenly. */
  readonly overMs: number;
  /** The requests of each client, as JSON. `{client}` stands for its number, `{since}` for the cursor. */
  readonly requests: readonly unknown[];
  /** The text to count. */
  readonly counted: string;
  /** How often each client has missed it. */
  readonly missed: number;
}

/** The result. */
export interface Resumed {
  readonly count: number;
  /** Milliseconds from the first scheduled connect until the last client had everything. */
  readonly lastMs: number;
}

/** Milliseconds to wait for messages that do not come. */
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
      // A client that is sent away does not have what it missed.
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

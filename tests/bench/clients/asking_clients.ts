/**
 * A process with clients that ask: each logs in with a token of its own. When the process is asked to,
 * each client sends the same request again as soon as it is answered, until there are enough replies.
 */
import { clientFrame, openQuickSocket } from "../../_support/clients/quick_socket.ts";
import { FrameCounter, TextCounter } from "./counters.ts";
import { answer, childOptions, say } from "../harness/parent.ts";

/** The options of the process. */
interface Options {
  readonly port: number;
  readonly clients: number;
  /** The request of each client, as JSON. */
  readonly request: unknown;
}

/** The result of the requests. */
export interface Asked {
  /** Replies whose status is `ok`. */
  readonly ok: number;
  /** Milliseconds from the first request to the last reply. */
  readonly tookMs: number;
}

/** Milliseconds to wait for a reply. */
const TIMEOUT_MS = 20_000;

const { port, clients, request }: Options = childOptions();
const frame = clientFrame(JSON.stringify(request));

async function connect(index: number) {
  const login = { rid: 1, command: "authentication", options: { authToken: `token-${index}` } };
  const frames = [clientFrame(JSON.stringify(login))];
  const { conn, readUntil } = await openQuickSocket({ port, frames });
  if (!(await readUntil('"rid":1')).includes('"rid":1')) throw new Error("A client was sent away");

  const replies = new FrameCounter();
  const oks = new TextCounter('"status":"ok"');
  const buffer = new Uint8Array(16_384);
  /** Asks, and waits for the reply. Gives 1 if its status is `ok`. */
  return async (): Promise<number> => {
    await conn.write(frame);
    let ok = 0;
    for (let answered = 0; answered === 0;) {
      const length = await conn.read(buffer);
      if (length === null) throw new Error("A client was sent away");
      ok += oks.take(buffer.subarray(0, length));
      answered += replies.take(buffer.subarray(0, length));
    }
    return ok;
  };
}

const asking = await Promise.all(Array.from({ length: clients }, (_, index) => connect(index)));
say({ clients });

await answer(async ({ requests }: { requests: number }): Promise<Asked> => {
  const start = performance.now();
  let sent = 0;
  let ok = 0;
  const all = Promise.all(asking.map(async (ask) => {
    while (sent < requests) {
      sent++;
      const oks = await ask();
      ok += oks;
    }
  }));
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, TIMEOUT_MS);
  await Promise.race([all, timeout.promise]);
  clearTimeout(timer);
  return { ok, tookMs: performance.now() - start };
});

/**
 * A process with one client that always has a request under way, which costs the server next to nothing.
 * When the process is asked, it says how long the longest wait was since the last question.
 */
import { clientFrame, openQuickSocket } from "../../_support/clients/quick_socket.ts";
import { FrameCounter, TextCounter } from "./counters.ts";
import { answer, childOptions, say } from "../harness/parent.ts";

/** The waits for replies. */
export interface Waited {
  /** The longest, in milliseconds, from just before a request is written until its reply is read. */
  readonly longestMs: number;
}

const REQUEST = { rid: 1, command: "subscription", options: { ids: [], action: "unsubscribe" } };

const { port }: { port: number } = childOptions();
const { conn, readUntil } = await openQuickSocket({ port });
await readUntil("\r\n\r\n");

const frame = clientFrame(JSON.stringify(REQUEST));
const replies = new FrameCounter();
const oks = new TextCounter('"status":"ok"');
const buffer = new Uint8Array(16_384);
let longestMs = 0;

async function ask(): Promise<void> {
  const start = performance.now();
  await conn.write(frame);
  let ok = 0;
  for (let answered = 0; answered === 0;) {
    const length = await conn.read(buffer);
    if (length === null) throw new Error("The client was sent away");
    ok += oks.take(buffer.subarray(0, length));
    answered += replies.take(buffer.subarray(0, length));
  }
  if (ok !== 1) throw new Error("A request was refused");
  longestMs = Math.max(longestMs, performance.now() - start);
}

let underWay = ask();
(async () => {
  for (;;) {
    await underWay;
    underWay = ask();
  }
})();
say({});

await answer(async (): Promise<Waited> => {
  await underWay;
  const waited = { longestMs };
  longestMs = 0;
  return waited;
});

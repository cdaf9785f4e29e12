import { assertEquals } from "@std/assert";
import {
  RequestHandler,
  type RequestHandlerOptions,
  type RequestSource,
} from "../../../src/connection/request_handler.ts";
import { setImmediate, setTimeout } from "node:timers/promises";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { SlicedQueue } from "../../../src/util/time_slice.ts";

/** A frame that is parsed later if the turn is used up. */
const FRAME = JSON.stringify({ rid: 7, command: "none", options: { unused: "x".repeat(20_000) } });
/** More than these tests send. */
const RATES = { requests: 1000, bytes: 1_000_000 };

/** A client's requests, and the errors that it gets. */
function start(largeFrames: SlicedQueue) {
  const slugs: string[] = [];
  const source = {
    session: { id: "1", endpoint: "web", knowsBatches: false, activeAt: 0 },
    outbox: {
      isBehind: false,
      send: (frame: string) => slugs.push(JSON.parse(frame).payload.error[0].Slug),
    },
    isClosed: false,
    replying() {},
    close() {},
    guard: (work: () => void) => work(),
  } as unknown as RequestSource;
  const options = {
    commands: { web: new Map(), mobile: new Map() },
    largeFrames,
    limits: { rates: RATES, maxBufferedBytes: 1_000_000 },
    metrics: createMetrics(),
  } as unknown as RequestHandlerOptions;
  return { requests: new RequestHandler(source, options), slugs };
}

/** A queue whose turn is used up. */
async function usedUp({ maxCost }: { maxCost: number }): Promise<SlicedQueue> {
  // The queues of other tests have ended their turns then, so that this one has a whole turn.
  await setImmediate();
  const queue = new SlicedQueue({ maxCost });
  queue.add(queue, { cost: 2000, work() {} });
  return queue;
}

/** Lets the queue of large frames do all that it has. Between two turns, it may pause for a timer. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setTimeout();
}

Deno.test("[REQ5][LIM6] if too many large frames of all clients wait, another one of the same client is overloaded", async () => {
  const queue = await usedUp({ maxCost: 1000 });
  const one = start(queue);
  const other = start(queue);
  for (let i = 0; i < 3; i++) one.requests.receive(FRAME, FRAME.length);

  one.requests.receive(FRAME, FRAME.length);
  other.requests.receive(FRAME, FRAME.length);

  assertEquals(one.slugs, ["overloaded"]);
  await turns();
  assertEquals(one.slugs, ["overloaded", ...Array(3).fill("unsupported-command")]);
  assertEquals(other.slugs, ["unsupported-command"]);
  one.requests.receive(FRAME, FRAME.length);
  await turns();
  assertEquals(one.slugs.at(-1), "unsupported-command");
});

Deno.test("[LIM6] a client's large frame does not wait for all of another client", async () => {
  const queue = await usedUp({ maxCost: Infinity });
  const many = start(queue);
  const few = start(queue);
  for (let i = 0; i < 30; i++) many.requests.receive(FRAME, FRAME.length);
  few.requests.receive(FRAME, FRAME.length);

  while (few.slugs.length === 0) await setImmediate();

  assertEquals(many.slugs.length < 10, true);
  many.requests.end();
});

Deno.test("[LIM6] the frames of a session that has ended take no turn of others", async () => {
  const queue = await usedUp({ maxCost: 1000 });
  const gone = start(queue);
  for (let i = 0; i < 3; i++) gone.requests.receive(FRAME, FRAME.length);
  gone.requests.end();
  assertEquals(gone.requests.isIdle, true);
  await gone.requests.drain();
  const other = start(queue);
  for (let i = 0; i < 3; i++) other.requests.receive(FRAME, FRAME.length);

  await turns();

  assertEquals(gone.slugs, []);
  assertEquals(other.slugs, Array(3).fill("unsupported-command"));
});

Deno.test("[LIFE4] a large frame that came before the drain is answered, a later one is not, nor one that is given up", async () => {
  const queue = await usedUp({ maxCost: Infinity });
  const drained = start(queue);
  const givenUp = start(queue);
  drained.requests.receive(FRAME, FRAME.length);
  givenUp.requests.receive(FRAME, FRAME.length);

  const done = drained.requests.drain();
  drained.requests.receive(FRAME, FRAME.length);
  givenUp.requests.drain();
  givenUp.requests.giveUp();
  await done;
  await turns();

  assertEquals(drained.slugs, ["unsupported-command", "shutting-down"]);
  assertEquals(givenUp.slugs, ["shutting-down"]);
});

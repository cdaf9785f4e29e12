import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { askForAnswers, publishValues, sendFrames } from "../_support/fuzz/feed.ts";
import { answer, frameText, kafkaValue } from "../_support/fuzz/input.ts";
import { assertInputLeavesNothing } from "../_support/memory/heap.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const FRAMES = 20_000;
/** Many, as reloads that follow at once are joined: the busier the machine, the fewer are left. */
const VALUES = 15_000;
const ANSWERS = 5000;
/** Bytes per input: more than V8 compiles meanwhile, less than any object that is kept. */
const MAX_GROWTH_BYTES = 100;
const seed = Number(Deno.env.get("SEED") ?? crypto.getRandomValues(new Int32Array(1))[0]);

/** Makes samples and prints the seed; with SEED set, the samples are the same again. */
function sample<T>(arbitrary: fc.Arbitrary<T>, count: number): T[] {
  // deno-lint-ignore no-console
  console.log(`seed ${seed}`);
  return fc.sample(arbitrary, { numRuns: count, seed });
}

Deno.test("[REQ2] any frame of a client gets one reply, and nothing is left behind", async () => {
  await using wss = await startWss({ settings: { MAX_SUBSCRIPTIONS: 20 } });

  await sendFrames(wss, sample(frameText, FRAMES));

  const { service } = wss;
  assertEquals({
    sessions: service.sessions.size,
    reloads: service.reloads.size,
    revalidation: service.revalidation.size,
  }, { sessions: 0, reloads: 0, revalidation: 0 });
  assertEquals(service.sessions.indexSizes(), { keys: 0, users: 0 });
  assertEquals(Object.keys(Object.prototype), []);
});

Deno.test("[KAF6] after any value in the topic, the next message arrives", async () => {
  await using wss = await startWss();

  const pushed = await publishValues(wss, sample(kafkaValue, VALUES));

  const kinds = Map.groupBy(pushed, ({ status }) => status);
  for (const status of ["update", "reload", "unauthorized"]) {
    assert((kinds.get(status)?.length ?? 0) > 20, `pushes with the status ${status}`);
  }
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.publish("notification", { userId: "42", type: "a", data: "the end" });
  assertEquals((await client.next()).payload, "the end");
  assertEquals(wss.service.stream.positions, [VALUES + 1]);
  assert(wss.service.quarantine.total > 100 && wss.service.quarantine.records.length <= 1000);
});

Deno.test("[BCK1] after any answer of a backend, the command gets one reply", async () => {
  await using wss = await startWss();

  await askForAnswers(wss, sample(answer, ANSWERS));

  assertEquals(wss.service.sessions.size, 0);
});

Deno.test("[LIFE3] under random input from outside, the heap stops growing after the first quarter", async () => {
  await assertInputLeavesNothing({ seed, inputs: 6000, maxBytes: MAX_GROWTH_BYTES });
});

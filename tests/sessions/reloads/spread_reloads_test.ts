/** Reloads for many subscriptions leave the event loop free, so that requests are answered in between. */
import { assert, assertEquals } from "@std/assert";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FanOut } from "../../../src/sessions/fan_out.ts";
import { Reloads, type ReloadsOptions } from "../../../src/sessions/reloads.ts";
import type { Reloadable } from "../../../src/sessions/reloads/reload.ts";
import type { Subscription } from "../../../src/sessions/subscription.ts";
import { Deliveries } from "../../../src/observe/deliveries.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { notificationTarget } from "../../../src/protocol/target.ts";
import { fakePerformance } from "../../_support/clock.ts";
import { openInput } from "../../_support/network/input.ts";
import { until } from "../../_support/queue.ts";
import { createOutbox } from "../../_support/service/outbox.ts";
import { aliceCaller, ALL_KEPT } from "../../_support/sessions/caller.ts";

const TARGET = notificationTarget({ userId: "42", types: [] });

/** A backend that answers each request at once. */
function answering(asked: () => void): ReloadsOptions["backend"] {
  return {
    get() {
      asked();
      return Promise.resolve({ status: "ok", payload: "[]", value: [] } as never);
    },
  };
}

/** A subscription of alice, whose list has that key. */
function reloadable({ key, reloaded }: { key: string; reloaded: () => void }): Reloadable {
  return {
    target: TARGET,
    list: { ...ALL_KEPT, key },
    subscriber: { keptCaller: aliceCaller, token: "alice", outbox: createOutbox() } as never,
    reloadStarted() {},
    reloaded,
    reloadByItself() {},
  };
}

Deno.test("[KAF3][LIM7] while a reload is noted for many subscriptions, the platform looks for input", async () => {
  const SUBSCRIPTIONS = 2000;
  const fanOut = new FanOut({ stream: { cursor: "" }, deliveries: new Deliveries([]) });
  const subscription = {
    subscriber: { knowsBatches: false },
    offerReload() {
      // A slow one, so that a slice takes longer than it may take between two looks.
      for (const startedAt = performance.now(); performance.now() - startedAt < 0.05;);
    },
  };
  const members = new Set(
    Array.from({ length: SUBSCRIPTIONS }, () => ({ ...subscription }) as unknown as Subscription),
  );
  using input = await openInput();

  const read = { seq: 1, partition: 0, offset: 0, timestamp: 0, readAt: 0 };
  const to = { by: "user", user: "42", type: "a" } as const;
  fanOut.start({ ...read, delivery: { does: "reload", to } }, [{ target: TARGET, members }]);
  let reads = 0;
  for (; fanOut.finishing; reads++) await input.read();

  assert(reads >= 5, `${reads} reads`);
});

Deno.test("[KAF3][LIM7] however many reloads may run, few begin in one turn", async () => {
  const RELOADS = 500;
  let begun = 0;
  const reloads = new Reloads({
    backend: answering(() => begun++),
    fanOut: { finishing: undefined },
    concurrency: RELOADS,
    metrics: createMetrics(),
  });
  let done = 0;
  for (let i = 0; i < RELOADS; i++) {
    reloads.request(reloadable({ key: `list ${i}`, reloaded: () => done++ }));
  }

  let most = 0;
  while (done < RELOADS) {
    const before = begun;
    await nextTurn();
    most = Math.max(most, begun - before);
  }

  assertEquals(begun, RELOADS);
  assert(most <= 8, `${most} in one turn`);
});

Deno.test("[KAF3] a reload waits for records that follow at once, but for 100 ms at most", async () => {
  using clock = fakePerformance();
  let begun = 0;
  const reloads = new Reloads({
    backend: answering(() => begun++),
    // There is always one more.
    fanOut: { finishing: Promise.resolve() },
    concurrency: 1,
    metrics: createMetrics(),
  });

  reloads.request(reloadable({ key: "list", reloaded() {} }));
  clock.tick(99);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  const early = begun;
  clock.tick(1);
  await until("it has begun", () => begun === 1);

  assertEquals(early, 0);
});

import { assert, assertEquals } from "@std/assert";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { CommandError } from "../../../src/protocol/errors.ts";
import { notificationTarget } from "../../../src/protocol/target.ts";
import { Reloads } from "../../../src/sessions/reloads.ts";
import { fakeTimeouts } from "../../_support/clock.ts";
import { until } from "../../_support/queue.ts";
import { createOutbox } from "../../_support/service/outbox.ts";
import { aliceCaller, ALL_KEPT } from "../../_support/sessions/caller.ts";
import { startWss } from "../../_support/service/wss.ts";

const LIST = { where: { types: [] } };

Deno.test("[LIM7] the reload of a user does not wait for the many reloads of guests", async () => {
  await using wss = await startWss({ settings: { RELOAD_CONCURRENCY: 4 } });
  await using guest = await wss.connect("/mobile");
  await using alice = await wss.connect("/web", { token: "alice" });
  for (let to = 2; to < 50; to++) {
    await guest.request("getSchedules", { where: { from: 1, to, timezone: "UTC" } });
  }
  const { event } = await alice.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /schedule");
  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  const held = [await release(), await release()];

  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const reload = await alice.next();

  assertEquals([reload.event, reload.status], [event, "reload"]);
  wss.backend.reset("GET /schedule");
  for (const letGo of held) letGo();
});

Deno.test("[LIM7] a reload for which a guest asked first is a user's when a user joins", async () => {
  await using wss = await startWss({ settings: { RELOAD_CONCURRENCY: 2 } });
  await using guest = await wss.connect("/mobile");
  await using alice = await wss.connect("/mobile", { token: "alice" });
  const where = { from: 1, to: 2, timezone: "UTC" };
  await guest.request("getSchedules", { where });
  const { event } = await guest.request("getSchedules", { where: { ...where, to: 3 } });
  await alice.request("getSchedules", { where: { ...where, to: 3 } });
  const release = wss.backend.hold("GET /schedule");

  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  // Guests have only one of the two places.
  const held = [await release(), await release()];
  for (const letGo of held) letGo();

  const reload = await alice.next();
  assertEquals([reload.event, reload.status], [event, "reload"]);
});

Deno.test("[BCK4] a reload that fails is tried again after 5 s, then after twice as long each time, up to 5 minutes", async () => {
  using clock = fakeTimeouts();
  const askedAt: number[] = [];
  let isDown = true;
  const reloads = new Reloads({
    backend: {
      get() {
        askedAt.push(performance.now() / 1000);
        return isDown
          ? Promise.reject(new CommandError({ slug: "backend-unavailable", message: "down" }))
          : Promise.resolve({ status: "ok", payload: "[]", value: [] } as never);
      },
    },
    fanOut: { finishing: undefined },
    concurrency: 1,
    metrics: createMetrics(),
  });
  let isReloading = false;
  const subscription = {
    target: notificationTarget({ userId: "42", types: [] }),
    list: ALL_KEPT,
    subscriber: { token: "alice", keptCaller: aliceCaller, outbox: createOutbox() } as never,
    reloadStarted() {},
    reloaded(list: unknown) {
      isReloading = false;
      if (list === null) reloads.requestLater(subscription);
    },
    reloadByItself() {
      isReloading = true;
      reloads.request(subscription);
    },
  };
  const passSeconds = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      // A reload may pause in real time, while the clock stands still.
      await until("the reload is over", () => !isReloading);
      clock.tick(1000);
    }
  };
  const gaps = () => askedAt.slice(1).map((at, i) => at - (askedAt[i] ?? 0));

  subscription.reloadByItself();
  await passSeconds(3600);

  const expected = [5, 10, 20, 40, 80, 160, 300, 300];
  assert(gaps().length >= expected.length, `${gaps()}`);
  for (const [i, seconds] of expected.entries()) {
    const gap = gaps()[i] ?? 0;
    assert(gap >= seconds && gap <= Math.min(seconds * 1.5, 300) + 1, `${gaps()}`);
  }
  isDown = false;
  await passSeconds(500);
  assertEquals(reloads.size, 0);
  isDown = true;
  askedAt.length = 0;
  subscription.reloadByItself();
  await passSeconds(10);
  assert((gaps()[0] ?? Infinity) <= 8.5, `${gaps()}`);
  reloads.cancel(subscription);
  assertEquals(reloads.size, 0);
});

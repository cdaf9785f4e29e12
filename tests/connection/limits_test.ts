import { assert, assertEquals } from "@std/assert";
import { RateLimit } from "../../src/connection/rate_limit.ts";
import { fakeServiceClock } from "../_support/clock.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

Deno.test("[LIM2] each request over the rate gets rate-limited with its rid, and later requests are answered", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss({ settings: { RATE_LIMIT: 5 } });
  await using client = await wss.connect("/web");
  const unsubscribe = { ids: [], action: "unsubscribe" };

  for (let rid = 1; rid <= 9; rid++) {
    client.send({ rid, command: "subscription", options: unsubscribe });
  }
  client.send("no JSON");
  client.send({ rid: 11, command: "subscription", options: unsubscribe });
  const frames = [];
  for (let i = 0; i < 11; i++) frames.push(await client.next());

  const { rid, event, status, payload } = frames.find(({ rid }) => rid === 11) ?? {};
  // The frame was not parsed (LIM6).
  assertEquals({ rid, event, status }, { rid: 11, event: "", status: "error" });
  const [{ Slug, Temporary, RetryAfterMs }] = payload.error;
  assertEquals([Slug, Temporary], ["rate-limited", true]);
  assert(RetryAfterMs > 0 && RetryAfterMs <= 200, `${RetryAfterMs} ms`);
  assertEquals(frames.filter(({ status }) => status === "ok").length, 9);
  clock.tick(RetryAfterMs);
  assertEquals((await client.request("subscription", unsubscribe)).status, "ok");
});

Deno.test("[LIM2] a session that is over the rate for 10 s without a break is closed with 4029", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss({ settings: { RATE_LIMIT: 5 } });
  await using client = await wss.connect("/web");

  let passedMs = 0;
  while (client.socket.readyState === WebSocket.OPEN) {
    clock.tick(50);
    passedMs += 50;
    client.send("x");
    // An error, or the end of the connection.
    await client.next().catch(() => {});
  }

  assertEquals((await client.ended).code, 4029);
  // A burst of 10, at 20 a second with 5 of them allowed, and then 10 s.
  assert(passedMs > 10_000 && passedMs < 11_000, `${passedMs} ms`);
});

Deno.test("[LIM2] a session that is over the rate from time to time is not closed", () => {
  const limit = new RateLimit({ requests: 50, bytes: 1 }, 0);
  let refused = 0;
  for (let second = 0; second < 60; second += 4) {
    for (let i = 0; i < 150; i++) {
      if (limit.take(second * 1000) > 0) refused++;
      assertEquals(limit.isAbused(second * 1000), false);
    }
  }
  assertEquals(refused, 15 * 50);
});

Deno.test("[LIM2] a session that keeps the rate after one refusal is not closed", () => {
  const limit = new RateLimit({ requests: 50, bytes: 1 }, 0);
  for (let i = 0; i < 101; i++) limit.take(0);
  for (let now = 21; now < 30_000; now += 21) {
    assertEquals([limit.take(now), limit.isAbused(now)], [0, false]);
  }
});

Deno.test("[LIM2] a session that is a little over the rate for 10 s is closed", () => {
  const limit = new RateLimit({ requests: 50, bytes: 1 }, 0);
  for (let i = 0; i < 101; i++) limit.take(0);
  let closedAt = Infinity;
  for (let now = 1000 / 52; closedAt === Infinity && now < 30_000; now += 1000 / 52) {
    limit.take(now);
    if (limit.isAbused(now)) closedAt = now;
  }
  assert(closedAt >= 10_000 && closedAt < 11_000, `${closedAt} ms`);
});

Deno.test("[LIM3] a session has at most MAX_SUBSCRIPTIONS; it may repeat the list of a subscription that it has", async () => {
  await using wss = await startWss({ settings: { MAX_SUBSCRIPTIONS: 2 } });
  await using client = await wss.connect("/web", { token: "alice" });
  const list = (type: string) => client.request("getMyNotifications", { where: { types: [type] } });
  const { event } = await list("a");
  const { cursor } = await list("b");
  wss.backend.forget();

  const third = await list("c");
  const resumed = await client.request("getMyNotifications", {
    where: { types: ["c"] },
    since: cursor,
  });

  for (const { status, payload } of [third, resumed]) {
    assertEquals([status, payload.error[0].Slug], ["error", "too-many-subscriptions"]);
  }
  assertEquals(wss.backend.calls, []);
  assertEquals((await list("a")).status, "ok");
  await client.request("subscription", { ids: [event], action: "unsubscribe" });
  assertEquals((await list("c")).status, "ok");
});

Deno.test("[LIM4] an idle guest is closed with 4001; a session with a user or a subscription is not", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss({ settings: { IDLE_GUEST_SECONDS: 300 } });
  await using user = await wss.connect("/web", { token: "alice" });
  await using subscribed = await wss.connect("/mobile");
  const where = { from: 1, to: 2, timezone: "UTC" };
  const { event } = await subscribed.request("getSchedules", { where });
  await using guest = await wss.connect("/web");

  clock.tick(299_000);
  assertEquals(wss.service.sessions.size, 3);
  clock.tick(2000);
  assertEquals((await guest.ended).code, 4001);
  assertEquals((await user.request("getMyNotifications", LIST)).status, "ok");
  const unsubscribe = { ids: [event], action: "unsubscribe" };
  assertEquals((await subscribed.request("subscription", unsubscribe)).status, "ok");
  clock.tick(302_000);
  assertEquals((await subscribed.ended).code, 4001);
});

Deno.test("[LIM4] a guest that sends a request from time to time stays connected", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss();
  await using guest = await wss.connect("/mobile");
  const ask = () => guest.request("getTournament", { where: { id: "1" } });
  for (let minute = 0; minute < 20; minute += 4) {
    clock.tick(4 * 60_000);
    assertEquals((await ask()).status, "ok");
  }
  clock.tick(301_000);
  assertEquals((await guest.ended).code, 4001);
});

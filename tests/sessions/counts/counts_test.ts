import { assert, assertEquals } from "@std/assert";
import type { Session } from "../../../src/sessions/session.ts";
import type { Client, Frame } from "../../_support/clients/client.ts";
import { type FakeClock, fakeServiceClock, fakeTimeouts } from "../../_support/clock.ts";
import { until } from "../../_support/queue.ts";
import { BreakingLog } from "../../_support/service/breaking_log.ts";
import { startWss, type Wss } from "../../_support/service/wss.ts";

const V1 = { protocols: ["wss.v1"] };
const COUNT = { where: { types: ["message"] }, status: "unseen", subscribe: true };
const OF_ALL = { ...COUNT, where: { types: [] } };
/** The id of a subscription to Alice's notifications of the types of `COUNT`. */
const NOTIFICATIONS_ID = "c3b9e00c33a9b4cda35df404d710d2c4";
const message = (data: unknown = null) => ({ userId: "42", type: "message", data });

/** The number of notifications at the backend. */
function startCounting({ backend }: Wss, total = 3) {
  const counting = {
    total,
    asked: [] as { url: string; authorization: string | null; at: number }[],
  };
  backend.on("GET /notification", ({ url, authorization }) => {
    if (!url.includes("status=")) return Response.json([]);
    counting.asked.push({ url, authorization, at: performance.now() });
    return Response.json({ total: counting.total });
  });
  return counting;
}

/** What a push tells. */
function told({ rid, event, status, payload, id, cursor }: Frame) {
  return { rid, event, status, payload, id, cursor };
}

function update(event: string, total: number) {
  const payload = { total };
  return { rid: -1, event, status: "update", payload, id: undefined, cursor: undefined };
}

/** Subscribes, and lets the second pass within which no count is asked for again. */
async function subscribe(client: Client, clock: FakeClock, options: unknown = COUNT) {
  const reply = await client.request("getMyNotificationsCount", options);
  clock.tick(1000);
  return reply;
}

Deno.test("[COUNT2][ID1] a count with subscribe has an id, and another total is pushed as an update", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  const counting = startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });

  const reply = await subscribe(client, clock);
  counting.total = 4;
  wss.publish("notification", message("not passed on"));

  const event = "eb73653db40d220aead5484555e31f5e";
  assertEquals(reply, { rid: reply.rid, event, status: "ok", payload: { total: 3 } } as Frame);
  assertEquals(told(await client.next()), update(event, 4));
  const url = "/notification?type=message&status=unseen";
  const asked = counting.asked.map(({ url, authorization }) => [url, authorization]);
  assertEquals(asked, [[url, "alice"], [url, "alice"]]);
});

Deno.test("[COUNT1] a count without subscribe has no id, and is not asked for again", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  const counting = startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });

  const { event } = await subscribe(client, clock, { ...COUNT, subscribe: false });
  counting.total = 4;
  wss.publish("notification", message());
  await client.request("updateNotifications", { where: { notifications: [] }, status: "read" });
  clock.tick(1000);

  assertEquals(event, "getMyNotificationsCount");
  assertEquals([await client.pushesUntilIdle(), counting.asked.length], [[], 1]);
});

Deno.test("[COUNT2] a total that is the same is not pushed", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  const counting = startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  await subscribe(client, clock);

  wss.publish("notification", message());
  await until("it was asked for again", () => counting.asked.length === 2);
  await untilDone(wss);

  assertEquals(await client.pushesUntilIdle(), []);
});

/** By what it is, something that may change the count of `COUNT`. */
const REASONS: Record<string, (situation: { wss: Wss; event: string; other: Client }) => unknown> =
  {
    "a notification of its type": ({ wss }) => wss.publish("notification", message()),
    "an update that names it": ({ wss, event }) =>
      wss.publish("update_subscription", { subscriptions: [event], data: "not passed on" }),
    "an update that names the notifications that it counts": ({ wss }) =>
      wss.publish("update_subscription", { subscriptions: [NOTIFICATIONS_ID] }),
    "a reload of other notifications to which a session of the user is subscribed": async (
      { wss, other },
    ) => {
      const options = { where: { types: ["other"] } };
      const { event } = await other.request("getMyNotifications", options);
      const reload = { subscriptions: [event], options: { reload: true } };
      wss.publish("update_subscription", reload);
    },
    "a mark of another session of the user": ({ other }) =>
      other.request("updateNotifications", { where: { notifications: ["1"] }, status: "read" }),
  };

for (const [what, happen] of Object.entries(REASONS)) {
  Deno.test(`[COUNT2] ${what} is a reason to ask for a count again`, async () => {
    using clock = fakeTimeouts();
    await using wss = await startWss();
    const counting = startCounting(wss);
    await using client = await wss.connect("/web", { token: "alice" });
    await using other = await wss.connect("/web", { token: "alice" });
    const { event } = await subscribe(client, clock);

    counting.total = 4;
    await happen({ wss, event, other });

    assertEquals(told(await client.next()), update(event, 4));
    assertEquals(await client.pushesUntilIdle(), []);
  });
}

Deno.test("[COUNT2] what can't change a count is no reason to ask for it again", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  const counting = startCounting(wss);
  await using client = await wss.connect("/mobile", { token: "alice" });
  await using bob = await wss.connect("/web", { token: "bob" });
  await subscribe(client, clock);
  const schedule = { where: { from: 1, to: 2, timezone: "UTC" } };
  await client.request("getSchedules", schedule);
  const { event: bobs } = await bob.request("getMyNotifications", { where: { types: [] } });

  wss.publish("notification", { ...message(), type: "other" });
  wss.publish("notification", { ...message(), userId: "43" });
  wss.publish("update_subscription", { subscriptions: [bobs, "unknown"] });
  wss.publish("update_subscription", { resource: "schedule", data: 1 });
  await bob.request("updateNotifications", { where: { notifications: [] }, status: "read" });
  await client.next();

  assertEquals([wss.service.reloads.size, counting.asked.length], [0, 1]);
});

Deno.test("[COUNT2][BCK6] a count is asked for once a second, however many sessions and records there are", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  const counting = startCounting(wss);
  await using one = await wss.connect("/web", { token: "alice" });
  await using two = await wss.connect("/web", { token: "alice" });
  const { event } = await subscribe(one, clock);
  await subscribe(two, clock);
  counting.asked.length = 0;

  const bursts = 20;
  for (let burst = 1; burst <= bursts; burst++) {
    counting.total++;
    for (let n = 0; n < 5; n++) wss.publish("notification", message(n));
    clock.tick(150);
    // Lets the asking of this burst, if there is one, be answered.
    await Promise.all([one.request("nonsense"), two.request("nonsense")]);
  }
  for (const client of [one, two]) {
    let push = told(await nextInTime(client, clock));
    while (push.payload.total !== counting.total) push = told(await nextInTime(client, clock));
    assertEquals(push, update(event, counting.total));
  }

  const gaps = counting.asked.slice(1).map(({ at }, i) => at - (counting.asked[i]?.at ?? 0));
  assert(gaps.every((gap) => gap >= 1000), `asked again after ${gaps} ms`);
  // The 20 bursts have taken 3 s. The last asking comes after them.
  assert(
    counting.asked.length >= 3 && counting.asked.length <= 6,
    `${counting.asked.length} times`,
  );
});

Deno.test("[COUNT2] another token or another status is another asking", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss({ users: { alice: "42", other: "42" } });
  const counting = startCounting(wss);
  await using one = await wss.connect("/web", { token: "alice" });
  await using two = await wss.connect("/web", { token: "other" });
  await subscribe(one, clock);
  await subscribe(one, clock, { ...COUNT, status: "unread" });
  await subscribe(two, clock);

  counting.asked.length = 0;
  wss.publish("notification", message());
  await until("all were asked for", () => counting.asked.length === 3);

  assertEquals(
    counting.asked.map(({ url, authorization }) => [url.split("=").at(-1), authorization]).sort(),
    [["unread", "alice"], ["unseen", "alice"], ["unseen", "other"]],
  );
});

Deno.test("[COUNT2] the last asking begins after the last reason", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  const counting = startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await subscribe(client, clock);
  const release = wss.backend.hold("GET /notification", () => Response.json({ total: 4 }));

  wss.publish("notification", message());
  const letGo = await release();
  wss.publish("notification", message());
  wss.backend.on("GET /notification", () => Response.json({ total: 5 }));
  letGo();

  assertEquals(told(await client.next()), update(event, 4));
  assertEquals(told(await nextInTime(client, clock)), update(event, 5));
  assertEquals(counting.asked.length, 1);
});

Deno.test("[COUNT2] what comes while the first asking is under way is not missed", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const release = wss.backend.hold("GET /notification", () => Response.json({ total: 3 }));

  const rid = client.ask("getMyNotificationsCount", COUNT);
  const letGo = await release();
  wss.publish("notification", message());
  wss.backend.on("GET /notification", () => Response.json({ total: 4 }));
  letGo();

  const { event, payload } = await client.reply(rid);
  assertEquals(payload, { total: 3 });
  assertEquals(told(await nextInTime(client, clock)), update(event, 4));
});

Deno.test("[COUNT2] a total that was asked for before is not told after a newer reply", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  await subscribe(client, clock);
  const release = wss.backend.hold("GET /notification", () => Response.json({ total: 4 }));
  wss.publish("notification", message());
  const letGo = await release();

  wss.backend.on("GET /notification", () => Response.json({ total: 5 }));
  const { payload } = await client.request("getMyNotificationsCount", COUNT);
  letGo();

  assertEquals(payload, { total: 5 });
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(wss.service.reloads.size, 0);
});

for (
  const [answer, status] of [
    [() => new Response(null, { status: 500 }), "error"],
    [() => Response.json({ message: "no" }, { status: 403 }), "forbidden"],
    [() => Response.json({ total: "many" }), "error"],
  ] as const
) {
  Deno.test(`[COUNT2] a first asking that fails (${answer().status}) subscribes nothing, and changes nothing that is there`, async () => {
    using clock = fakeTimeouts();
    await using wss = await startWss();
    const counting = startCounting(wss);
    await using client = await wss.connect("/web", { token: "alice" });
    await using other = await wss.connect("/web", { token: "alice" });
    const { event } = await subscribe(client, clock);

    wss.backend.on("GET /notification", answer);
    const statuses = [];
    for (const each of [client, other]) {
      statuses.push((await each.request("getMyNotificationsCount", COUNT)).status);
    }
    startCounting(wss, 4);
    wss.publish("notification", message());

    assertEquals(statuses, [status, status]);
    assertEquals(told(await nextInTime(client, clock)), update(event, 4));
    assertEquals(await other.pushesUntilIdle(), []);
    assertEquals([...wss.service.sessions].map((each) => each.subscriptionCount), [1, 0]);
    assertEquals(counting.asked.length, 1);
  });
}

Deno.test("[COUNT2][BCK4] a count that can't be had is tried again, and nothing is pushed", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  startCounting(wss);
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  const { event } = await subscribe(client, clock);
  let failed = 0;
  wss.backend.on("GET /notification", () => {
    failed++;
    return Response.json({ total: "many" });
  });

  const waits = [];
  wss.publish("notification", message());
  for (let tries = 1; tries <= 3; tries++) {
    let seconds = 0;
    await until("it has failed", () => {
      if (failed === tries) return true;
      clock.tick(1000);
      seconds++;
      return false;
    });
    waits.push(seconds);
    assertEquals(await client.pushesUntilIdle(), []);
  }
  startCounting(wss, 4);

  assertEquals(told(await nextInTime(client, clock)), update(event, 4));
  const [, first = 0, second = 0] = waits;
  assert(first >= 5 && second >= 10, `tried again after ${waits} s`);
});

Deno.test("[COUNT2] a renewed token asks for the count again", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss({ users: { alice: "42", newer: "42" } });
  const counting = startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await subscribe(client, clock);
  const release = wss.backend.hold("GET /notification", () => Response.json({ total: 99 }));
  wss.publish("notification", message());
  const letGo = await release();

  const renewed = startCounting(wss, 4);
  await client.request("authentication", { authToken: "newer", update: true });
  letGo();

  assertEquals(told(await client.next()), update(event, 4));
  assertEquals(renewed.asked.map(({ authorization }) => authorization), ["newer"]);
  assertEquals(counting.asked.length, 1);
});

Deno.test("[COUNT2][LIST3] a guest gets unauthorized, and no backend is asked", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");

  const { status, event, payload } = await client.request("getMyNotificationsCount", COUNT);

  assertEquals({ status, event, payload }, {
    status: "unauthorized",
    event: "getMyNotificationsCount",
    payload: null,
  });
  assertEquals([wss.backend.calls, wss.service.sessions.indexSizes().keys], [[], 0]);
});

/** Ends of a session's subscription to a count. */
const ENDS: Record<string, (client: Client, situation: { wss: Wss; event: string }) => unknown> = {
  "[SUB1] unsubscribing": (client, { event }) =>
    client.request("subscription", { ids: [event], action: "unsubscribe" }),
  "[AUTH2] a logout": (client) => client.request("authentication", {}),
  "[AUTH1] a login as another user": (client) =>
    client.request("authentication", { authToken: "bob" }),
  "[KAF5] a logout message": async (client, { wss }) => {
    wss.publish("logout", { userId: "42" });
    assertEquals((await client.next()).event, "authentication");
  },
};

for (const [what, end] of Object.entries(ENDS)) {
  const [rule, name] = what.split(/ (.*)/);
  Deno.test(`[COUNT2]${rule} ${name} ends a count, and what is under way for it`, async () => {
    using clock = fakeTimeouts();
    await using wss = await startWss();
    startCounting(wss);
    await using client = await wss.connect("/web", { ...V1, token: "alice" });
    const { event } = await subscribe(client, clock);
    const release = wss.backend.hold("GET /notification", () => Response.json({ total: 4 }));
    wss.publish("notification", message());
    const letGo = await release();

    await end(client, { wss, event });
    letGo();
    wss.publish("notification", message());

    assertEquals(await client.pushesUntilIdle(), []);
    assertEquals([wss.service.sessions.indexSizes().keys, wss.service.reloads.size], [0, 0]);
  });
}

Deno.test("[COUNT2][AUTH6] a count of a user who is gone is answered unauthorized, and subscribes nothing", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  const release = wss.backend.hold("GET /notification", () => Response.json({ total: 4 }));
  const rid = client.ask("getMyNotificationsCount", COUNT);
  const letGo = await release();

  wss.publish("logout", { userId: "42" });
  letGo();

  assertEquals((await client.reply(rid)).status, "unauthorized");
  assertEquals(wss.service.sessions.indexSizes().keys, 0);
});

Deno.test("[LIFE3] the end of a connection ends its counts, and what waits for them", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  startCounting(wss);
  {
    await using client = await wss.connect("/web", { token: "alice" });
    await client.request("getMyNotificationsCount", COUNT);
    wss.publish("notification", message());
    assertEquals(wss.service.reloads.size, 1);
  }
  await until("the session is gone", () => wss.service.sessions.size === 0);

  assertEquals([wss.service.sessions.indexSizes().keys, wss.service.reloads.size], [0, 0]);
  clock.tick(1000);
});

Deno.test("[COUNT2][LIM3][LIM5] counts are counted among the subscriptions, and what they keep", async () => {
  await using wss = await startWss({
    settings: { MAX_SUBSCRIPTIONS: 2, MAX_SESSION_BYTES: 700 },
  });
  startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  const large = { ...COUNT, where: { types: ["x".repeat(200), "y".repeat(200), "z".repeat(200)] } };

  const replies = [
    await client.request("getMyNotificationsCount", COUNT),
    await client.request("getMyNotificationsCount", large),
    await client.request("getMyNotifications", { where: { types: [] } }),
    await client.request("getMyNotificationsCount", OF_ALL),
    await client.request("getMyNotificationsCount", COUNT),
  ];

  const slugs = replies.map(({ status, payload }) =>
    status === "ok" ? "ok" : payload.error[0].Slug
  );
  const tooMany = "too-many-subscriptions";
  assertEquals(slugs, ["ok", tooMany, "ok", tooMany, "ok"]);
});

for (const what of ["loses records", "is replaced", "has records that can't be decoded"] as const) {
  Deno.test(`[COUNT2][DEL12] if the log ${what}, a count is asked for again, and gets no resync`, async () => {
    using clock = fakeTimeouts();
    const log = new BreakingLog();
    await using wss = await startWss({ log });
    const counting = startCounting(wss);
    await using client = await wss.connect("/web", { ...V1, token: "alice" });
    const { event } = await subscribe(client, clock);

    counting.total = 4;
    if (what === "loses records") log.lose(0, 3);
    else if (what === "is replaced") log.replace();
    else log.damage(0, 3);

    assertEquals(told(await client.next()), update(event, 4));
    assertEquals(await client.pushesUntilIdle(), []);
  });
}

Deno.test("[COUNT2][DEL10] a count is asked for again when the stream is live again", async () => {
  using clock = fakeServiceClock();
  const log = new BreakingLog();
  await using wss = await startWss({ log, settings: { DEGRADED_AFTER_SECONDS: 15 } });
  const counting = startCounting(wss);
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  const { event } = await client.request("getMyNotificationsCount", COUNT);

  log.stall(true);
  clock.tick(16_000);
  const degraded = await client.next();
  counting.total = 4;
  log.publish(null);
  log.stall(false);
  clock.tick(1000);

  assertEquals([degraded.event, degraded.status], ["stream", "degraded"]);
  const live = await client.next();
  assertEquals([live.event, live.status], ["stream", "live"]);
  assertEquals(told(await client.next()), update(event, 4));
});

Deno.test("[COUNT2][SLOW1] a count is asked for once there is room in a slow client's outbox", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  const counting = startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await subscribe(client, clock);
  const outbox = outboxOf(wss);
  Object.defineProperty(outbox, "hasRoom", { get: () => false, configurable: true });

  counting.total = 4;
  wss.publish("notification", message());
  assertEquals([await client.pushesUntilIdle(), wss.service.reloads.size], [[], 0]);
  Reflect.deleteProperty(outbox, "hasRoom");

  assertEquals(told(await client.next()), update(event, 4));
  assertEquals(counting.asked.length, 2);
});

Deno.test("[COUNT2][SLOW1] a total for which there is no room is asked for once more", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  startCounting(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await subscribe(client, clock);
  const outbox = outboxOf(wss);
  const release = wss.backend.hold("GET /notification", () => Response.json({ total: 4 }));
  wss.publish("notification", message());
  const letGo = await release();

  Object.defineProperty(outbox, "hasRoom", { get: () => false, configurable: true });
  letGo();
  await untilDone(wss);
  startCounting(wss, 5);
  Reflect.deleteProperty(outbox, "hasRoom");

  assertEquals(told(await nextInTime(client, clock)), update(event, 5));
  assertEquals(await client.pushesUntilIdle(), []);
});

/** The next frame, which comes when some time has passed. */
async function nextInTime(client: Client, clock: FakeClock): Promise<Frame> {
  let next: Frame | undefined;
  client.next().then((frame) => next = frame);
  await until("a frame has come", () => {
    if (!next) clock.tick(100);
    return next !== undefined;
  });
  return next as Frame;
}

/** Waits until no count is asked for any more. */
function untilDone({ service: { reloads } }: Wss): Promise<void> {
  return until("no reload is under way", () => reloads.size === 0);
}

/** The outbox of the only session. */
function outboxOf({ service: { sessions } }: Wss): Session["outbox"] {
  for (const { outbox } of sessions) return outbox;
  throw new Error("There is no session");
}

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { createEmbeddedLog } from "../src/dev/embedded_log.ts";
import { startBackend } from "./_support/backend.ts";
import { startWss, type Wss } from "./_support/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { from: 1, to: 2, timezone: "UTC" };
const V1 = { protocols: ["wss.v1"] };
const push = (data: unknown) => ({ userId: "42", type: "a", data });

/** Two instances that read the same log and ask the same backend. */
async function startTwo(options: Parameters<typeof startWss>[0] = {}) {
  const log = createEmbeddedLog({ partitions: 3 });
  const backend = startBackend({ users: { alice: "42", bob: "43" } });
  const one = await startWss({ ...options, log, backend });
  const two = await startWss({ ...options, log, backend });
  return {
    one,
    two,
    log,
    backend,
    async [Symbol.asyncDispose]() {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** A subscribed client's cursor, after it has been pushed something. */
async function cursorOf(wss: Wss): Promise<string> {
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.publish("notification", push("seen"), 1);
  return (await client.next()).cursor ?? "";
}

Deno.test("[DEL3] every reply that subscribes and every push of a record has a cursor", async () => {
  await using two = await startTwo();
  await using client = await two.one.connect("/web", { token: "alice" });
  await using other = await two.two.connect("/web", { token: "alice" });
  const { event, cursor } = await client.request("getMyNotifications", LIST);
  await other.request("getMyNotifications", LIST);

  two.one.publish("notification", push(1), 2);
  two.one.publish("update_subscription", { subscriptions: [event], options: { reload: true } });

  const cursors = [cursor, (await client.next()).cursor, (await client.next()).cursor];
  for (const text of cursors) assert(/^[\w-]+$/.test(text ?? ""), text);
  assertEquals(new Set(cursors).size, 3);
  assertEquals(cursor?.length, 20 + 3 * 8);
  // Less the time, it says the same on every instance.
  const places = [(await other.next()).cursor, (await other.next()).cursor];
  assertEquals(
    places.map((text) => text?.slice(20)),
    cursors.slice(1).map((text) => text?.slice(20)),
  );
});

Deno.test("[DEL5] a session resumes on any instance, with all that it missed and no list call", async () => {
  await using two = await startTwo();
  const since = await cursorOf(two.one);
  for (const n of [1, 2, 3, 4, 5, 6]) two.one.publish("notification", push(n), n % 3);
  two.one.publish("notification", { userId: "43", type: "a", data: "another's" });
  two.backend.forget();

  await using client = await two.two.connect("/web", { token: "alice" });
  const reply = await client.request("getMyNotifications", { ...LIST, since });
  two.one.publish("notification", push("live"));

  assertEquals([reply.status, reply.payload, reply.recovered], ["ok", null, true]);
  assertEquals(reply.cursor, since);
  const pushes = [];
  for (let i = 0; i < 7; i++) pushes.push((await client.next()).payload);
  assertEquals(pushes, [1, 2, 3, 4, 5, 6, "live"]);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(two.backend.calls.filter(({ url }) => url.startsWith("/notification")), []);
});

Deno.test("[DEL5] from the cursor of any push of a catch-up it goes on with the next", async () => {
  await using two = await startTwo();
  let since = await cursorOf(two.one);
  for (let n = 0; n < 30; n++) two.one.publish("notification", push(n), n % 3);
  const got: number[] = [];
  while (got.length < 30) {
    await using client = await two.two.connect("/web", { token: "alice" });
    const { recovered } = await client.request("getMyNotifications", { ...LIST, since });
    assertEquals(recovered, true);
    for (let i = 0; i < 3; i++) {
      const { payload, cursor } = await client.next();
      got.push(payload);
      since = cursor ?? "";
    }
  }
  assertEquals(got, Array.from({ length: 30 }, (_, n) => n));
});

Deno.test("[DEL5] more than one step is served in order, while new records go on arriving", async () => {
  await using two = await startTwo();
  const since = await cursorOf(two.one);
  for (let n = 0; n < 1000; n++) two.one.publish("notification", push(n), n % 3);
  await using client = await two.two.connect("/web", { token: "alice" });

  const rid = client.ask("getMyNotifications", { ...LIST, since });
  await client.reply(rid);
  for (let n = 1000; n < 1500; n++) two.one.publish("notification", push(n), n % 3);

  for (let n = 0; n < 1500; n++) assertEquals((await client.next()).payload, n);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL5] two resumes of one subscription at once give each push once", async () => {
  await using two = await startTwo();
  const since = await cursorOf(two.one);
  for (const n of [1, 2, 3]) two.one.publish("notification", push(n));
  await using client = await two.two.connect("/web", { token: "alice" });

  const rids = [1, 2].map(() => client.ask("getMyNotifications", { ...LIST, since }));
  for (const rid of rids) assertEquals((await client.reply(rid)).recovered, true);

  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), [1, 2, 3]);
});

Deno.test("[DEL5] schedules resume as well", async () => {
  await using two = await startTwo();
  await using first = await two.one.connect("/mobile");
  const { cursor, event } = await first.request("getSchedules", { where: SCHEDULE });
  two.one.publish("update_subscription", { resource: "schedule", data: 1 });
  two.one.publish("update_subscription", { subscriptions: [event], data: 2 });
  two.backend.forget();

  await using client = await two.two.connect("/mobile");
  const reply = await client.request("getSchedules", { where: SCHEDULE, since: cursor });

  assertEquals(reply.recovered, true);
  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), [1, 2]);
  assertEquals(two.backend.calls, []);
});

Deno.test("[DEL6] what can't be resumed from gets the usual list, never an error", async () => {
  await using two = await startTwo();
  await using other = await startWss({
    log: createEmbeddedLog({ partitions: 3 }),
    settings: { KAFKA_TOPIC: "another" },
  });
  const good = await cursorOf(two.one);
  const foreign = await cursorOf(other);
  const tooFar = `${good.slice(0, -1)}${good.endsWith("_") ? "8" : "_"}`;
  await using client = await two.two.connect("/web", { token: "alice" });
  for (
    const since of [
      "",
      "x",
      5,
      {},
      [],
      true,
      "é",
      good.slice(1),
      `${good}AAAA`,
      `${good} `,
      foreign,
      tooFar,
    ]
  ) {
    const reply = await client.request("getMyNotifications", { ...LIST, since });
    assertEquals([reply.status, reply.payload], ["ok", [{ id: "n1" }]], String(since));
    assertEquals([reply.recovered, typeof reply.cursor], [false, "string"], String(since));
    await client.request("subscription", { ids: [reply.event], action: "unsubscribe" });
  }
});

Deno.test("[DEL6] with a reload among what was missed, the reply is the list", async () => {
  await using two = await startTwo();
  await using first = await two.one.connect("/web", { token: "alice" });
  const { cursor: since, event } = await first.request("getMyNotifications", LIST);
  two.one.publish("notification", push(1));
  two.one.publish("update_subscription", { subscriptions: [event], options: { reload: true } });

  await using client = await two.two.connect("/web", { token: "alice" });
  const reply = await client.request("getMyNotifications", { ...LIST, since });

  assertEquals([reply.recovered, reply.payload], [false, [{ id: "n1" }]]);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL6] what has left the window can't be resumed from; what is left can", async () => {
  await using two = await startTwo({ settings: { RECOVERY_MAX_BYTES: "20000" } });
  const old = await cursorOf(two.one);
  let last = 0;
  for (; last < 100; last++) two.one.publish("notification", push("x".repeat(1000)));
  const recent = await cursorOf(two.one);
  two.one.publish("notification", push("missed"));

  await using client = await two.two.connect("/web", { token: "alice" });
  const tooOld = await client.request("getMyNotifications", { ...LIST, since: old });
  await client.request("subscription", { ids: [tooOld.event], action: "unsubscribe" });
  const good = await client.request("getMyNotifications", { ...LIST, since: recent });

  assertEquals([tooOld.recovered, good.recovered], [false, true]);
  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), ["missed"]);
});

Deno.test("[DEL7] an instance that has just started serves what was written before", async () => {
  await using two = await startTwo();
  const since = await cursorOf(two.one);
  for (const n of [1, 2, 3]) two.one.publish("notification", push(n), n % 3);

  await using late = await startWss({ log: two.log, backend: two.backend });
  await using client = await late.connect("/web", { token: "alice" });
  const { recovered } = await client.request("getMyNotifications", { ...LIST, since });

  assertEquals(recovered, true);
  const payloads = (await client.pushesUntilIdle()).map(({ payload }) => payload);
  assertEquals(payloads.sort(), [1, 2, 3]);
});

Deno.test("[DEL7] the window stays within its bytes", async () => {
  await using two = await startTwo({ settings: { RECOVERY_MAX_BYTES: "100000" } });
  const { window } = two.two.service.stream;
  for (let n = 0; n < 2000; n++) {
    two.one.publish("notification", push("x".repeat(n % 500)));
    assert(window.bytes <= 100_000, String(window.bytes));
  }
  assert(window.size > 50);
});

Deno.test("[DEL8] a quiet client of version 1 is told its place, and resumes from there", async () => {
  await using two = await startTwo({ settings: { CURSOR_SECONDS: "1" } });
  await using client = await two.one.connect("/web", { ...V1, token: "alice" });
  await using old = await two.one.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  await old.request("getMyNotifications", LIST);
  two.one.publish("notification", { userId: "43", type: "a" });

  const { rid, event, status, payload, cursor } = await client.next();
  assertEquals([rid, event, status, payload], [-1, "stream", "live", null]);
  two.one.publish("notification", push("missed"));
  await using resumed = await two.two.connect("/web", { token: "alice" });
  await resumed.request("getMyNotifications", { ...LIST, since: cursor });

  assertEquals((await resumed.next()).payload, "missed");
  assertEquals((await old.pushesUntilIdle()).map(({ event }) => event === "stream"), [false]);
});

Deno.test("[DEL10] sessions are told when the ends are not told any more, and when they are again", async () => {
  const log = createEmbeddedLog();
  let isReachable = true;
  const createReader = () => {
    const reader = log.createReader();
    const start: typeof reader.start = (events, options) =>
      reader.start({ ...events, onEnds: (ends) => isReachable && events.onEnds(ends) }, options);
    return { ...reader, start };
  };
  await using wss = await startWss({
    log,
    createReader,
    settings: { DEGRADED_AFTER_SECONDS: "2", CURSOR_SECONDS: "3600" },
  });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await using late = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);

  isReachable = false;
  const degraded = await client.next();
  const ready = await fetch(`${wss.http}/readyz`);
  const rid = late.ask("getMyNotifications", LIST);
  const [reply, greeting] = [await late.next(), await late.next()];
  isReachable = true;
  const live = await client.next();

  assertEquals([degraded.event, degraded.status], ["stream", "degraded"]);
  assert(degraded.payload.sinceMs > 2000);
  assertEquals([ready.status, await ready.json()], [200, { ready: true, degraded: true }]);
  assertEquals([reply.rid, greeting.status], [rid, "degraded"]);
  assertEquals([live.event, live.status, typeof live.cursor], ["stream", "live", "string"]);
  assertEquals((await late.next()).status, "live");
});

Deno.test("[DEL11] a reload that fails is a resync for version 1, and pushes go on", async () => {
  await using two = await startTwo();
  await using client = await two.one.connect("/web", { ...V1, token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = two.backend.hold("GET /notification", () => new Response(null, { status: 500 }));

  two.one.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const letGo = await release();
  two.one.publish("notification", push("after"));
  letGo();

  const resync = await client.next();
  assertEquals([resync.event, resync.status, resync.payload], [event, "resync", { missed: null }]);
  assertEquals((await client.next()).payload, "after");
  // It goes on from its cursor, on whatever instance.
  await using resumed = await two.two.connect("/web", { token: "alice" });
  await resumed.request("getMyNotifications", { ...LIST, since: resync.cursor });
  assertEquals((await resumed.next()).payload, "after");
});

Deno.test("[DEL1][DEL4] reloads that run into one keep their place, with the id of the first", async () => {
  await using wss = await startWss({ settings: { RELOAD_CONCURRENCY: "1" } });
  await using client = await wss.connect("/mobile");
  const a = await client.request("getSchedules", { where: SCHEDULE });
  const b = await client.request("getSchedules", { where: { ...SCHEDULE, to: 9 } });
  const reload = (id: string) => ({ subscriptions: [id], options: { reload: true } });
  const release = wss.backend.hold("GET /schedule");

  const ids = [wss.publish("update_subscription", reload(b.event))];
  const letFirstGo = await release();
  ids.push(wss.publish("update_subscription", reload(a.event)));
  ids.push(wss.publish("update_subscription", { subscriptions: [a.event], data: 1 }));
  wss.publish("update_subscription", reload(a.event));
  letFirstGo();
  (await release())();

  const got = [await client.next(), await client.next(), await client.next()];
  assertEquals(got.map(({ id }) => id), ids);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[AUTH7] an ok answer is reused for the same token, for a while", async () => {
  await using wss = await startWss();
  for (let i = 0; i < 3; i++) {
    await using _client = await wss.connect("/web", { token: "alice" });
  }
  await using _bob = await wss.connect("/web", { token: "bob" });
  assertEquals(wss.backend.calls.length, 2);

  await using uncached = await startWss({ settings: { AUTH_CACHE_SECONDS: "0" } });
  for (let i = 0; i < 3; i++) {
    await using _client = await uncached.connect("/web", { token: "alice" });
  }
  assertEquals(uncached.backend.calls.length, 3);
});

Deno.test("[AUTH6] a token that is refused later makes its session a guest's", async () => {
  await using wss = await startWss({ settings: { AUTH_REVALIDATE_SECONDS: "1" } });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.backend.on("GET /user", () => new Response(null, { status: 401 }));

  assertEquals(await client.next(), {
    rid: -1,
    event: "authentication",
    status: "unauthorized",
    payload: null,
  });
  wss.publish("notification", push(1));
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals((await client.request("getMyNotifications", LIST)).status, "unauthorized");
  assertEquals(wss.service.revalidation.size, 0);
});

Deno.test("[AUTH6] a backend that can't be asked disconnects nobody", async () => {
  await using wss = await startWss({ settings: { AUTH_REVALIDATE_SECONDS: "1" } });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.backend.forget();
  wss.backend.on("GET /user", () => new Response(null, { status: 500 }));
  await wss.backend.nextCall();
  await wss.backend.nextCall();

  wss.publish("notification", push("still there"));

  assertEquals((await client.next()).payload, "still there");
});

Deno.test("[KAF5] a logout makes every session of the user a guest's", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await using bob = await wss.connect("/web", { ...V1, token: "bob" });
  await client.request("getMyNotifications", LIST);
  await bob.request("getMyNotifications", LIST);

  wss.publish("logout", { userId: 42 });
  wss.publish("notification", push(1));
  wss.publish("notification", { userId: "43", type: "a", data: "bob's" });

  const { event, status } = await client.next();
  assertEquals([event, status], ["authentication", "unauthorized"]);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals((await bob.next()).payload, "bob's");
  // What was kept of the token is forgotten.
  wss.backend.on("GET /user", () => new Response(null, { status: 401 }));
  assertEquals(
    (await client.request("authentication", { authToken: "alice" })).status,
    "unauthorized",
  );
});

Deno.test("[KAF5] is logged out while its login is under way: it is asked once more", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  const release = wss.backend.hold("GET /user", () => Response.json({ id: "42" }));

  const rid = client.ask("authentication", { authToken: "alice" });
  const letGo = await release();
  wss.publish("logout", { userId: "42" });
  letGo();
  (await release())(new Response(null, { status: 401 }));

  assertEquals((await client.reply(rid)).status, "unauthorized");
});

Deno.test("[AUTH6] is logged out while its list is under way: unauthorized, and no subscription", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const release = wss.backend.hold("GET /notification");

  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  wss.publish("logout", { userId: "42" });
  letGo();

  const { status, payload } = await client.reply(rid);
  assertEquals([status, payload], ["unauthorized", null]);
  assertEquals(wss.service.sessions.indexSizes(), { keys: 0, users: 0 });
  assertNotEquals(wss.service.sessions.size, 0);
});

import { assert, assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import { until } from "../_support/queue.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { startTwo, startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { from: 1, to: 2, timezone: "UTC" };
const push = (data: unknown) => ({ userId: "42", type: "a", data });

/** A subscribed client's cursor after one push. */
async function cursorOf(wss: Wss): Promise<string> {
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.publish("notification", push("seen"), 1);
  return (await client.next()).cursor ?? "";
}

/** A subscribed client's cursor after this many pushes. */
async function cursorAfter(wss: Wss, pushes: number): Promise<string> {
  await using client = await wss.connect("/web", { token: "alice" });
  let { cursor = "" } = await client.request("getMyNotifications", LIST);
  for (let i = 0; i < pushes; i++) {
    wss.publish("notification", push("seen"));
    cursor = (await client.next()).cursor ?? "";
  }
  return cursor;
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
  // Except for the times, the cursor is the same on every instance.
  const places = [(await other.next()).cursor, (await other.next()).cursor];
  const positionsOf = (text?: string) => two.two.service.stream.decode(text)?.positions;
  assertEquals(places.map(positionsOf), cursors.slice(1).map(positionsOf));
});

Deno.test("[DEL5] a session resumes on any instance, with every missed push and without a list call", async () => {
  await using two = await startTwo();
  const since = await cursorOf(two.one);
  for (const n of [1, 2, 3, 4, 5, 6]) two.one.publish("notification", push(n), n % 3);
  two.one.publish("notification", { userId: "43", type: "a", data: "another's" });
  two.backend.forget();

  await using client = await two.two.connect("/web", { token: "alice" });
  const reply = await client.request("getMyNotifications", { ...LIST, since });
  two.one.publish("notification", push("live"));

  assertEquals({ status: reply.status, payload: reply.payload, recovered: reply.recovered }, {
    status: "ok",
    payload: null,
    recovered: true,
  });
  assertEquals(reply.cursor, since);
  const pushes = [];
  for (let i = 0; i < 7; i++) pushes.push((await client.next()).payload);
  assertEquals(pushes, [1, 2, 3, 4, 5, 6, "live"]);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(two.backend.calls.filter(({ url }) => url.startsWith("/notification")), []);
});

Deno.test("[DEL5] if the connection is cut again and again while catching up, each one goes on with the next push", async () => {
  await using two = await startTwo();
  let since = await cursorOf(two.one);
  for (let n = 0; n < 2000; n++) two.one.publish("notification", push(n), n % 3);
  const got: number[] = [];
  for (let cuts = 0; got.length < 2000; cuts++) {
    const wss = cuts % 2 === 0 ? two.two : two.one;
    await using client = await wss.connect("/web", { token: "alice" });
    const { recovered } = await client.request("getMyNotifications", { ...LIST, since });
    assertEquals(recovered, true);
    for (let i = 0; i < 3 + 10 * cuts && got.length < 2000; i++) {
      const { payload, cursor } = await client.next();
      got.push(payload);
      since = cursor ?? "";
    }
  }
  assertEquals(got, Array.from({ length: 2000 }, (_, n) => n));
});

Deno.test("[SUB1] after unsubscribing while catching up, nothing comes after the reply", async () => {
  await using two = await startTwo();
  const since = await cursorOf(two.one);
  // More than one step sends, so that the steps must wait for room.
  const text = "x".repeat(2000);
  for (let n = 0; n < 5000; n++) two.one.publish("notification", push({ n, text }));
  await using client = await two.two.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", { ...LIST, since });

  await client.request("subscription", { ids: [event], action: "unsubscribe" });

  const pushes = await client.pushesUntilIdle();
  assertEquals(pushes.map(({ payload }) => payload.n), [...pushes.keys()]);
  assert(pushes.length > 0 && pushes.length < 5000, `${pushes.length} had come before it`);
  two.one.publish("notification", push("later"));
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(two.two.service.sessions.indexSizes().keys, 0);
});

Deno.test("[DEL6] with a cursor of an older log, the reply is the list", async () => {
  await using old = await startWss();
  await using fresh = await startWss({ backend: old.backend });
  const since = await cursorAfter(old, 1);
  const made = Date.now();
  await until("time has passed", () => Date.now() > made + 1);
  for (const n of [1, 2, 3]) fresh.publish("notification", push(n));

  await using client = await fresh.connect("/web", { token: "alice" });
  const { recovered } = await client.request("getMyNotifications", { ...LIST, since });

  assertEquals(recovered, false);
});

Deno.test("[DEL5] if a client asks again from a place before its subscription began, the reply is the list", async () => {
  await using wss = await startWss();
  const since = await cursorAfter(wss, 1);
  wss.publish("notification", push("in between"));
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);

  const { recovered } = await client.request("getMyNotifications", { ...LIST, since });

  assertEquals(recovered, false);
});

Deno.test("[DEL7] records older than RECOVERY_WINDOW_SECONDS leave the window", async () => {
  await using wss = await startWss({ settings: { RECOVERY_WINDOW_SECONDS: 1 } });
  const since = await cursorAfter(wss, 1);
  wss.publish("notification", push("missed"));
  await until("the window is empty", () => wss.service.stream.window.size === 0);

  await using client = await wss.connect("/web", { token: "alice" });
  const { recovered } = await client.request("getMyNotifications", { ...LIST, since });

  assertEquals([recovered, wss.service.stream.window.bytes], [false, 0]);
});

Deno.test("[DEL2] if held back pushes leave the window while a list is under way, a resync follows the list", async () => {
  await using wss = await startWss({ settings: { RECOVERY_MAX_BYTES: 20_000 } });
  await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
  const release = wss.backend.hold("GET /notification");
  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  for (let n = 0; n < 100; n++) wss.publish("notification", push("x".repeat(1000)));
  letGo();

  assertEquals((await client.next()).rid, rid);
  assertEquals((await client.next()).status, "resync");
});

Deno.test("[KAF6] a timestamp that no cursor can hold stops nothing", async () => {
  const log = createEmbeddedLog();
  const createReader = () =>
    createChangedReader(log, (events) => ({
      ...events,
      onRecord: (record) => events.onRecord({ ...record, timestamp: 1.7e18 }),
    }));
  await using wss = await startWss({ createReader });
  const since = await cursorAfter(wss, 0);
  log.publish(JSON.stringify({ type: "notification", document: push(1) }));
  await using client = await wss.connect("/web", { token: "alice" });
  const { recovered } = await client.request("getMyNotifications", { ...LIST, since });

  assertEquals([recovered, (await client.next()).payload], [true, 1]);
});

Deno.test("[DEL5] catching up takes several steps, in order, while new records arrive", async () => {
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

Deno.test("[DEL5] schedules can resume as well", async () => {
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

Deno.test("[DEL6] with an unusable cursor, the reply is the usual list, never an error", async () => {
  await using two = await startTwo();
  await using other = await startWss({
    log: createEmbeddedLog({ partitions: 3 }),
    settings: { KAFKA_TOPIC: "another" },
  });
  const good = await cursorOf(two.one);
  const foreign = await cursorOf(other);
  const tooFar = two.one.service.stream.cursorAt([0, 2, 0]);
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

Deno.test("[DEL6] if a reload was missed, the reply is the list", async () => {
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

Deno.test("[DEL6] a client can resume only from a cursor within the window", async () => {
  await using two = await startTwo({ settings: { RECOVERY_MAX_BYTES: 20_000 } });
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

Deno.test("[DEL7] an instance that has just started serves records that were written before", async () => {
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

Deno.test("[DEL7] the window never takes more than RECOVERY_MAX_BYTES", async () => {
  await using two = await startTwo({ settings: { RECOVERY_MAX_BYTES: 100_000 } });
  const { window } = two.two.service.stream;
  for (let n = 0; n < 2000; n++) {
    two.one.publish("notification", push("x".repeat(n % 500)));
    assert(window.bytes <= 100_000, String(window.bytes));
  }
  assert(window.size > 50);
});

import { assert, assertEquals } from "@std/assert";
import { fakeServiceClock } from "../_support/clock.ts";
import { createMuteReader } from "../_support/service/changed_reader.ts";
import { startTwo, startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"] };
const push = (data: unknown) => ({ userId: "42", type: "a", data });

Deno.test("[DEL8] a quiet client with wss.v1 gets its cursor, and can resume from there", async () => {
  using clock = fakeServiceClock();
  await using two = await startTwo({ settings: { CURSOR_SECONDS: 25 } });
  await using client = await two.one.connect("/web", { ...V1, token: "alice" });
  await using old = await two.one.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  await old.request("getMyNotifications", LIST);
  two.one.publish("notification", { userId: "43", type: "a" });

  clock.tick(25_000);
  const { rid, event, status, payload, cursor } = await client.next();
  assertEquals({ rid, event, status, payload }, {
    rid: -1,
    event: "stream",
    status: "live",
    payload: { maxMessageBytes: 1024 * 1024 },
  });
  two.one.publish("notification", push("missed"));
  await using resumed = await two.two.connect("/web", { token: "alice" });
  await resumed.request("getMyNotifications", { ...LIST, since: cursor });

  assertEquals((await resumed.next()).payload, "missed");
  assertEquals((await old.pushesUntilIdle()).map(({ event }) => event === "stream"), [false]);
});

Deno.test("[DEL10] sessions get degraded when nobody can be asked for the ends, and then live again", async () => {
  using clock = fakeServiceClock();
  const stream = createMuteReader();
  await using wss = await startWss({
    ...stream,
    settings: { DEGRADED_AFTER_SECONDS: 15 },
  });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await using late = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);

  stream.isReachable = false;
  clock.tick(16_000);
  const degraded = await client.next();
  const ready = await fetch(`${wss.http}/readyz`);
  const rid = late.ask("getMyNotifications", LIST);
  const [reply, greeting] = [await late.next(), await late.next()];
  stream.isReachable = true;
  clock.tick(1000);
  const live = await client.next();

  assertEquals([degraded.event, degraded.status], ["stream", "degraded"]);
  assert(degraded.payload.sinceMs > 15_000);
  assertEquals([ready.status, await ready.json()], [200, { ready: true, degraded: true }]);
  assertEquals([reply.rid, greeting.status], [rid, "degraded"]);
  assertEquals([live.event, live.status, typeof live.cursor], ["stream", "live", "string"]);
  assertEquals((await late.next()).status, "live");
});

Deno.test("[DEL8] no cursor is sent while something is held back", async () => {
  using clock = fakeServiceClock();
  const stream = createMuteReader();
  await using wss = await startWss({
    ...stream,
    settings: { DEGRADED_AFTER_SECONDS: 15, CURSOR_SECONDS: 25 },
  });
  await using quiet = await wss.connect("/web", { ...V1, token: "alice" });
  await quiet.request("getMyNotifications", LIST);
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");
  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  for (let i = 0; i < 3; i++) {
    clock.tick(25_000);
    assertEquals((await quiet.next()).status, "live");
  }
  letGo();

  assertEquals((await client.next()).rid, rid);
  clock.tick(500);
  assertEquals((await client.next()).status, "live");
});

Deno.test("[DEL8] no cursor is sent while the stream is degraded", async () => {
  using clock = fakeServiceClock();
  const stream = createMuteReader();
  await using wss = await startWss({
    ...stream,
    settings: { DEGRADED_AFTER_SECONDS: 15, CURSOR_SECONDS: 25 },
  });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  stream.isReachable = false;
  clock.tick(16_000);
  let frame = await client.next();
  while (frame.status === "live") frame = await client.next();

  // Two more cursors would have come.
  clock.tick(60_000);

  assertEquals(frame.status, "degraded");
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL10] a client that got degraded gets live as soon as nothing is held back", async () => {
  using clock = fakeServiceClock();
  const stream = createMuteReader();
  await using wss = await startWss({
    ...stream,
    settings: { DEGRADED_AFTER_SECONDS: 15 },
  });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await using other = await wss.connect("/web", { ...V1, token: "bob" });
  await client.request("getMyNotifications", LIST);
  await other.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");
  stream.isReachable = false;
  clock.tick(16_000);
  assertEquals((await client.next()).status, "degraded");
  assertEquals((await other.next()).status, "degraded");

  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  stream.isReachable = true;
  clock.tick(1000);
  assertEquals((await other.next()).status, "live");
  letGo();

  assertEquals((await client.next()).rid, rid);
  clock.tick(500);
  assertEquals((await client.next()).status, "live");
});

Deno.test("[DEL10] a client that is behind when the stream becomes degraded gets degraded after it has caught up", async () => {
  using clock = fakeServiceClock();
  const stream = createMuteReader();
  await using wss = await startWss({
    ...stream,
    settings: { DEGRADED_AFTER_SECONDS: 15 },
  });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  const [session] = wss.service.sessions;
  await using other = await wss.connect("/web", { ...V1, token: "bob" });
  await other.request("getMyNotifications", LIST);
  Object.defineProperty(session?.outbox, "isBehind", { get: () => true, configurable: true });

  stream.isReachable = false;
  clock.tick(16_000);
  assertEquals((await other.next()).status, "degraded");
  Reflect.deleteProperty(session?.outbox ?? {}, "isBehind");

  clock.tick(500);
  assertEquals((await client.next()).status, "degraded");
});

Deno.test("[DEL10] if a session's first list is under way, it gets degraded once, after the reply", async () => {
  using clock = fakeServiceClock();
  const stream = createMuteReader();
  await using wss = await startWss({
    ...stream,
    settings: { DEGRADED_AFTER_SECONDS: 15 },
  });
  await using other = await wss.connect("/web", { ...V1, token: "bob" });
  await other.request("getMyNotifications", LIST);
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  const release = wss.backend.hold("GET /notification");
  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();

  stream.isReachable = false;
  clock.tick(16_000);
  assertEquals((await other.next()).status, "degraded");
  letGo();

  assertEquals((await client.next()).rid, rid);
  assertEquals((await client.next()).status, "degraded");
  clock.tick(16_000);
  assertEquals(await client.pushesUntilIdle(), []);
});

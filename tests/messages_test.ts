import { assert, assertEquals } from "@std/assert";
import type { Frame } from "./_support/client.ts";
import { startWss } from "./_support/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };

function withoutCursor(frames: Frame[]): Frame[] {
  return frames.map(({ cursor: _, ...frame }) => frame);
}

Deno.test("[KAF2] each subscription that is named, once, gets the data", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  await using twin = await wss.connect("/web", { token: "alice" });
  await using bob = await wss.connect("/web", { token: "bob" });
  const { event } = await alice.request("getMyNotifications", LIST);
  await twin.request("getMyNotifications", LIST);
  await bob.request("getMyNotifications", LIST);

  const id = wss.publish("update_subscription", {
    subscriptions: [event, event, "0".repeat(32)],
    options: { reload: false },
    data: { a: [1] },
  });

  const push = { rid: -1, event, status: "update", payload: { a: [1] }, id };
  assertEquals(withoutCursor(await alice.pushesUntilIdle()), [push]);
  assertEquals(withoutCursor(await twin.pushesUntilIdle()), [push]);
  assertEquals(await bob.pushesUntilIdle(), []);
});

Deno.test("[KAF2] missing data is null, and null options are none", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);

  wss.publish("update_subscription", { subscriptions: [event], resource: null, options: null });
  wss.publish("notification", { userId: 42, type: "a" });

  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), [null, null]);
});

Deno.test("[KAF2] resource schedule means every subscription of the schedule", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const first = await client.request("getSchedules", SCHEDULE);
  const second = await client.request("getSchedules", { where: { ...SCHEDULE.where, to: 9 } });

  wss.publish("update_subscription", { resource: "schedule", data: "x" });

  const pushes = await client.pushesUntilIdle();
  assertEquals(pushes.map(({ event }) => event).sort(), [first.event, second.event].sort());
});

Deno.test("data goes to the client with every number as it was written", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const data = '{"id":9007199254740993,"big":1e400,"pi":3.14159265358979323846}';

  wss.log.publish(`{"type":"notification","document":{"userId":"42","type":"a","data":${data}}}`);

  const text = await client.nextText();
  assert(
    text.startsWith(`{"rid":-1,"event":"${event}","status":"update","payload":${data},"id":"0-0"`),
  );
});

Deno.test("[KAF3] a reload fetches the list again, with the latest limit and sort and no skip", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", {
    params: { limit: 5, skip: 10, sort: "-id" },
    where: { types: ["a"] },
  });
  wss.backend.on("GET /notification", () => Response.json(["fresh"]));

  const id = wss.publish("update_subscription", {
    subscriptions: [event],
    options: { reload: true },
    data: "ignored",
  });

  const push = { rid: -1, event, status: "reload", payload: ["fresh"], id };
  assertEquals(withoutCursor([await client.next()]), [push]);
  const { url, authorization } = wss.backend.calls.at(-1) ?? {};
  assertEquals([url, authorization], ["/notification?limit=5&sort=-id&type=a", "alice"]);
});

Deno.test("[KAF3] a reload goes with the session's own token, also after a renewal", async () => {
  await using wss = await startWss({ users: { old: "42", new: "42" } });
  await using client = await wss.connect("/web", { token: "old" });
  const { event } = await client.request("getMyNotifications", LIST);
  await client.request("authentication", { authToken: "new", update: true });

  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  await client.next();

  assertEquals(wss.backend.calls.at(-1)?.authorization, "new");
});

Deno.test("[KAF3] sessions for which it is the same request share it", async () => {
  await using wss = await startWss();
  const clients = [];
  for (let i = 0; i < 20; i++) {
    clients.push(await wss.connect("/mobile"));
    await clients[i]?.request("getSchedules", SCHEDULE);
  }
  wss.backend.forget();

  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  for (const client of clients) assertEquals((await client.next()).status, "reload");

  assertEquals(wss.backend.calls.length, 1);
  for (const client of clients) await client[Symbol.asyncDispose]();
});

Deno.test("[KAF3] a reload that comes while the same one waits is not run twice", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  await client.request("getSchedules", SCHEDULE);
  const release = wss.backend.hold("GET /schedule");
  wss.backend.forget();
  const reload = () =>
    wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });

  const first = reload();
  const letGo = await release();
  reload();
  reload();
  const last = reload();
  letGo();
  (await release())();

  assertEquals([(await client.next()).id, (await client.next()).id], [first, last]);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(wss.backend.calls.length, 2);
});

Deno.test("[KAF3] at most RELOAD_CONCURRENCY reloads run at once", async () => {
  await using wss = await startWss({ settings: { RELOAD_CONCURRENCY: "2" } });
  await using client = await wss.connect("/mobile");
  for (let to = 2; to < 7; to++) {
    await client.request("getSchedules", { where: { ...SCHEDULE.where, to } });
  }
  const release = wss.backend.hold("GET /schedule");
  wss.backend.forget();

  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  const held = [await release(), await release()];
  for (let done = 1; done <= 5; done++) {
    // One more can only come after one of those that run has been let go.
    assertEquals(wss.backend.calls.length, Math.min(5, done + 1));
    held.shift()?.();
    assertEquals((await client.next()).status, "reload");
    if (done < 4) held.push(await release());
  }
  assertEquals(wss.service.reloads.size, 0);
});

Deno.test("a reload that fails leaves the client its list, and pushes go on", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification", () => new Response(null, { status: 500 }));

  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const letGo = await release();
  wss.publish("notification", { userId: "42", type: "a", data: "held back" });
  letGo();

  const push = await client.next();
  assertEquals([push.status, push.payload], ["update", "held back"]);
});

Deno.test("[KAF4] reaches the user's subscriptions whose types contain it, or are empty", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const every = await client.request("getMyNotifications", LIST);
  const some = await client.request("getMyNotifications", { where: { types: ["a", "b"] } });
  await client.request("getMyNotifications", { where: { types: ["c"] } });

  const id = wss.publish("notification", { userId: 42, type: "b", data: { n: 1 } });
  wss.publish("notification", { userId: "4", type: "b", data: "another's" });

  const push = { rid: -1, status: "update", payload: { n: 1 }, id };
  assertEquals(withoutCursor(await client.pushesUntilIdle()), [
    { ...push, event: every.event },
    { ...push, event: some.event },
  ]);
});

Deno.test("[KAF6] a value that can't be used is put in quarantine, and never stops the consumer", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const values: [string | Uint8Array, RegExp][] = [
    ["", /^not JSON$/],
    ["{", /^not JSON$/],
    ["NaN", /^not JSON$/],
    [new Uint8Array([0xff, 0xfe, 0x7b]), /^not UTF-8$/],
    [new Uint8Array([0]), /^not JSON$/],
    ["null", /expected object/],
    ["[]", /expected object/],
    ["{}", /^type: /],
    ['{"type":"unheard","document":{}}', /^type: /],
    ['{"type":"notification"}', /^document: /],
    ['{"type":"notification","document":{"userId":"","type":"a"}}', /^document.userId: /],
    ['{"type":"notification","document":{"userId":1.5,"type":"a"}}', /^document.userId: /],
    ['{"type":"notification","document":{"userId":9007199254740993,"type":"a"}}', /userId: /],
    ['{"type":"notification","document":{"userId":"42"}}', /^document.type: /],
    ['{"type":"update_subscription","document":{}}', /^document: expected either/],
    ['{"type":"update_subscription","document":{"subscriptions":"x"}}', /subscriptions: /],
    [
      `{"type":"update_subscription","document":{"subscriptions":[${"1,".repeat(400_000)}1]}}`,
      /^document.subscriptions.0: .{1,100}$/,
    ],
    ['{"type":"update_subscription","document":{"resource":"users"}}', /resource: /],
    [
      '{"type":"update_subscription","document":{"subscriptions":[],"resource":"schedule"}}',
      /^document: expected either/,
    ],
    [
      '{"type":"update_subscription","document":{"subscriptions":[],"options":{"reload":1}}}',
      /^document.options.reload: /,
    ],
    [
      `{"x":1e400,"type":${"[".repeat(400_000)}${"]".repeat(400_000)}}`,
      /^could not be read$/,
    ],
  ];

  for (const [value] of values) wss.log.publish(value);
  wss.publish("notification", { userId: "42", type: "a", data: "goes on" });

  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), ["goes on"]);
  const { records, total } = wss.service.quarantine;
  assertEquals(total, values.length);
  for (const [offset, [, reason]] of values.entries()) {
    const record = records[offset];
    assertEquals([record?.partition, record?.offset], [0, offset]);
    assert(reason.test(record?.reason ?? ""), `${record?.reason} is not ${reason}`);
  }
});

Deno.test("[KAF6] at most QUARANTINE_SIZE are kept, the latest; all are counted", async () => {
  await using wss = await startWss({ settings: { QUARANTINE_SIZE: "2" } });

  for (let i = 0; i < 5; i++) wss.log.publish("x");

  const { records, total } = wss.service.quarantine;
  assertEquals([records.map(({ offset }) => offset), total], [[3, 4], 5]);
});

Deno.test("[KAF6] a null value is passed over silently", async () => {
  await using wss = await startWss();
  wss.log.publish(null);
  assertEquals(wss.service.quarantine.total, 0);
});

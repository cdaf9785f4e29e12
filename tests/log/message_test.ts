import { assert, assertEquals } from "@std/assert";
import { MAX_VALUES, parseMessage } from "../../src/log/message.ts";
import { jsonOf, type ShapeName } from "../_support/abuse/texts.ts";
import { withoutCursor } from "../_support/clients/client.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };

Deno.test("[KAF2] each named subscription gets the data once", async () => {
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

Deno.test("[KAF2] missing data is null, and null options are missing options", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);

  wss.publish("update_subscription", { subscriptions: [event], resource: null, options: null });
  wss.publish("notification", { userId: 42, type: "a" });

  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), [null, null]);
});

Deno.test("[KAF2] the resource schedule addresses every subscription to the schedule", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const first = await client.request("getSchedules", SCHEDULE);
  const second = await client.request("getSchedules", { where: { ...SCHEDULE.where, to: 9 } });

  wss.publish("update_subscription", { resource: "schedule", data: "x" });

  const pushes = await client.pushesUntilIdle();
  assertEquals(pushes.map(({ event }) => event).sort(), [first.event, second.event].sort());
});

Deno.test("[REQ4] data reaches the client byte for byte", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const data =
    '{"id":9007199254740993,"big":1e400,"price":1.50 ,"10":-0.0,"9":"\\u0041\\/","9":1E2}';

  wss.log.publish(`{"type":"notification","document":{"userId":"42","type":"a","data":${data}}}`);

  const text = await client.nextText();
  assert(
    text.startsWith(`{"rid":-1,"event":"${event}","status":"update","payload":${data},"id":"0-0"`),
  );
});

Deno.test("[KAF4] a notification reaches the user's subscriptions with its type, and those with all types", async () => {
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

Deno.test("[KAF6] an unusable value is put in quarantine, and never stops the consumer", async () => {
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
      `{"type":"update_subscription","document":{"subscriptions":[${"1,".repeat(90_000)}1]}}`,
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
    ["[]", /^expected object$/],
    [`{"x":1e400,"type":${"[".repeat(90_000)}${"]".repeat(90_000)}}`, /^type: /],
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

Deno.test("[KAF6] the quarantine keeps the latest QUARANTINE_SIZE records, and counts all", async () => {
  await using wss = await startWss({ settings: { QUARANTINE_SIZE: 2 } });

  for (let i = 0; i < 5; i++) wss.log.publish("x");

  const { records, total } = wss.service.quarantine;
  assertEquals([records.map(({ offset }) => offset), total], [[3, 4], 5]);
});

Deno.test("[KAF6] a null value is skipped silently", async () => {
  await using wss = await startWss();
  wss.log.publish(null);
  assertEquals(wss.service.quarantine.total, 0);
});

Deno.test("[KAF11] a record has at most 100,000 values, and what is in a text is none", () => {
  // The record, its document, their four members and the list; its first item has no comma in front.
  const others = 7 - 1;
  const message = (item: string, items: number) =>
    `{"type":"notification","document":{"userId":"1","type":"a","data":[${
      Array(items).fill(item)
    }]}}`;
  for (const item of ["1", '"a"', '"[,{\\"[,{"', '"\\\\"']) {
    const parse = (items: number) => parseMessage(new TextEncoder().encode(message(item, items)));
    assert(!("problem" in parse(MAX_VALUES - others)), item);
    assertEquals(parse(MAX_VALUES - others + 1), {
      problem: "too_many_values",
      reason: "it has more than 100000 commas and opening brackets",
    });
  }
});

Deno.test("[KAF11] a record of more than 100,000 values is set aside, whatever they are", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice", protocols: ["wss.v1"] });
  const { event } = await client.request("getMyNotifications", LIST);
  const shapes: ShapeName[] = [
    "nested arrays",
    "nested objects",
    "many keys",
    "many ids",
    "small numbers",
  ];
  const values = shapes.flatMap((shape) => {
    const json = jsonOf(shape, 8 * 1024 ** 2 - 1000);
    return [
      `{"type":"notification","document":{"userId":"42","type":"a","data":${json}}}`,
      `{"type":"update_subscription","document":{"subscriptions":${json}}}`,
    ];
  });
  const before = wss.service.stream.window.bytes;
  for (const value of values) wss.log.publish(value);
  wss.publish("update_subscription", { subscriptions: [event], data: "after" });

  const pushes = await client.pushesUntilIdle();
  assertEquals(pushes.map(({ status, payload }) => [status, payload]), [
    ["resync", { missed: null }],
    ["update", "after"],
  ]);
  assertEquals(wss.service.quarantine.total, values.length);
  for (const { reason } of wss.service.quarantine.records) assert(/100000/.test(reason), reason);
  assert(wss.service.stream.window.bytes - before < 10_000);
});

Deno.test("[KAF2] a long list of ids is taken, and an item that is no text is named", () => {
  const parse = (subscriptions: unknown[]) =>
    parseMessage(
      new TextEncoder().encode(
        JSON.stringify({ type: "update_subscription", document: { subscriptions } }),
      ),
    );
  const ids = Array.from({ length: 50_000 }, (_, i) => `${i}`.padStart(32, "0"));
  assertEquals(parse(ids), { does: "update", to: { by: "subscription", ids }, payload: "null" });
  const problem = "not_a_message";
  assertEquals(parse([...ids, 7, null]), {
    problem,
    reason: "document.subscriptions.50000: expected string",
  });
  assertEquals(parse([]), {
    does: "update",
    to: { by: "subscription", ids: [] },
    payload: "null",
  });
});

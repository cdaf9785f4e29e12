import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import * as z from "zod";
import { createCommandTables } from "../../src/commands/table.ts";
import { findRid } from "../../src/connection/find_rid.ts";
import { parseMessage } from "../../src/log/message.ts";
import { keyNamer } from "../../src/protocol/key_case.ts";
import { withoutCursor } from "../_support/clients/client.ts";
import { startWss } from "../_support/service/wss.ts";

const CASES: Record<string, (key: string) => string> = {
  "upper case": (key) => key.toUpperCase(),
  "lower case": (key) => key.toLowerCase(),
  "Go's names": (key) => key.charAt(0).toUpperCase() + key.slice(1),
};

/** The same value with other keys, but for what a producer's data has. */
function withKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => withKeys(item, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === "data" ? [rename(key), inner] : [rename(key), withKeys(inner, rename)]
    ),
  );
}

const MESSAGES = [
  { type: "update_subscription", document: { subscriptions: ["a"], options: { reload: true } } },
  { type: "update_subscription", document: { resource: "schedule", data: { Data: 1, data: 2 } } },
  { type: "notification", document: { userId: "42", type: "a", data: [{ Type: "x", userID: 1 }] } },
  { type: "logout", document: { userId: 42 } },
];

for (const [name, rename] of Object.entries(CASES)) {
  Deno.test(`[REQ4] each command and each message is taken with its keys in ${name}`, () => {
    const mobile = createCommandTables({ has: () => true })["/mobile"];
    for (const { options, examples } of mobile.values()) {
      for (const example of examples) {
        const renamed = keyNamer(options)(withKeys(example, rename));
        assertEquals(options.parse(renamed), options.parse(example));
      }
    }
    const parse = (message: unknown) =>
      parseMessage(new TextEncoder().encode(JSON.stringify(message)));
    for (const message of MESSAGES) {
      assertEquals(parse(withKeys(message, rename)), parse(message));
    }
  });
}

Deno.test("[REQ4] the exact key comes first, even if it is null, and else the last one", () => {
  const nameKeys = keyNamer(z.object({ data: z.unknown() }));
  const dataOf = (json: string) => (nameKeys(JSON.parse(json)) as { data?: unknown }).data;

  assertEquals(dataOf('{"data":null,"Data":1}'), null);
  assertEquals(dataOf('{"DATA":1,"data":2,"Data":3}'), 2);
  assertEquals(dataOf('{"DATA":1,"Data":3}'), 3);
  assertEquals(dataOf('{"DATA":null}'), null);
  // Only ASCII letters are compared without their case: Go would take the long s.
  assertEquals(keyNamer(z.object({ ids: z.unknown() }))({ idſ: 1 }), { idſ: 1 });
});

Deno.test("[REQ4] a value with the exact keys, or with none of them, is not copied", () => {
  const nameKeys = keyNamer(z.object({ a: z.object({ b: z.unknown() }) }));
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const json = JSON.stringify(value);
    if (/"[ab]"/i.test(json)) return;
    assertStrictEquals(nameKeys(value), value);
  }));
  const value = { a: { b: { A: 1 } }, c: { B: 1 } };
  assertStrictEquals(nameKeys(value), value);
});

Deno.test("[REQ4] of a frame that is refused unparsed, the rid is found in any case", () => {
  const rids = [
    '{"Rid":5,"command":"a"}',
    '{"command":"a","RID":5}',
    '{"rid":5,"RID":6}',
    '{"RID":6,"rid":5}',
    '{"RID":6,"Rid":5}',
    '{"options":{"rid":7},"Rid":5}',
  ].map(findRid);
  assertEquals(rids, Array(6).fill(5));
});

Deno.test("[REQ4] messages and requests are taken as programs in Go may write them", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");

  client.send('{"Rid":7,"Command":"authentication","Options":{"AuthToken":"alice"}}');
  assertEquals((await client.reply(7)).status, "ok");
  client.send('{"RID":8,"COMMAND":"getMyNotifications","OPTIONS":{"Where":{"Types":["a"]}}}');
  const { event } = await client.reply(8);
  wss.log.publish(
    '{"Type":"notification","Document":{"UserId":42,"Type":"a","Data":{"Title":1,"title":2}}}',
  );

  const [push] = withoutCursor(await client.pushesUntilIdle());
  assertEquals([push?.event, push?.payload], [event, { Title: 1, title: 2 }]);
});

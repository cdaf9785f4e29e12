import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { notificationTarget } from "../../src/protocol/target.ts";
import { startWss } from "../_support/service/wss.ts";

/** The MD5 of the JSON that Go's encoding/json writes for the subscription. */
function idOf(resource: string, where: string): string {
  const json = `{"command":"","resource":"${resource}","hash":"","where":${where}}`;
  return createHash("md5").update(json).digest("hex");
}

Deno.test("[ID1] the protocol's example has this id", () => {
  assertEquals(
    idOf("notification", '{"userId":"42","types":["message"]}'),
    "c3b9e00c33a9b4cda35df404d710d2c4",
  );
});

Deno.test("[ID1] the id of a notification subscription is the MD5 of the JSON that Go would write", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  for (
    const [types, written] of [
      [[], "[]"],
      [["b", "a", "b"], '["b","a","b"]'],
      [['<a href="x">&'], '["\\u003ca href=\\"x\\"\\u003e\\u0026"]'],
      [["\b\f\n\r\t\0\x1f\x7f"], '["\\u0008\\u000c\\n\\r\\t\\u0000\\u001f\x7f"]'],
      [["\\b\\f"], '["\\\\b\\\\f"]'],
      [["\u2028\u2029é😀"], '["\\u2028\\u2029é😀"]'],
      [["\ud800x\udc00"], '["\ufffdx\ufffd"]'],
    ] as const
  ) {
    const { event } = await client.request("getMyNotifications", { where: { types } });
    assertEquals(event, idOf("notification", `{"userId":"42","types":${written}}`));
  }
});

Deno.test("[ID1] absent keys and empty lists are not part of a schedule's id", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  const base = { from: 1, to: 2, timezone: "UTC" };
  const written = '"from":1,"to":2,"timezone":"UTC"';
  for (
    const [where, rest] of [
      [{}, ""],
      [{ gameIds: [], test: null, substage: null }, ""],
      [{ substage: {}, tournament: {} }, ',"substage":{},"tournament":{}'],
      [{ substage: { tiers: [] }, tournament: { ids: [] } }, ',"substage":{},"tournament":{}'],
      [
        { tournament: { ids: ["x"] }, test: false, gameIds: [1, "2"], substage: { tiers: [3] } },
        ',"gameIds":[1,"2"],"test":false,"substage":{"tiers":[3]},"tournament":{"ids":["x"]}',
      ],
    ]
  ) {
    const { event } = await client.request("getSchedules", {
      where: { ...Object(where), ...base, unknown: 1 },
    });
    assertEquals(event, idOf("schedule", `{${written}${rest}}`), rest as string);
  }
});

Deno.test("[ID1] for any texts, lone surrogates count as U+FFFD", () => {
  const text = fc.array(fc.nat(0xffff).map((code) => String.fromCharCode(code)), { maxLength: 4 })
    .map((characters) => characters.join(""));
  // Most texts have a surrogate, and some have what looks like an escaped one.
  const withSurrogates = fc.tuple(text, fc.constantFrom("\ud800", "\udc00", "\\ud800", ""), text)
    .map((parts) => parts.join(""));
  fc.assert(fc.property(withSurrogates, fc.array(withSurrogates), (userId, types) => {
    assertEquals(
      notificationTarget({ userId, types }).id,
      notificationTarget({
        userId: userId.toWellFormed(),
        types: types.map((type) => type.toWellFormed()),
      }).id,
    );
  }));
});

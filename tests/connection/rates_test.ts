import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { findRid } from "../../src/connection/find_rid.ts";
import { fakeServiceClock } from "../_support/clock.ts";
import { startWss } from "../_support/service/wss.ts";

const KIB = 1024;

Deno.test("[LIM6] a session may send RATE_LIMIT_BYTES a second, and eight times as many at once", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss({ settings: { RATE_LIMIT_BYTES: 8 * KIB } });
  await using client = await wss.connect("/web");
  const padding = "x".repeat(16 * KIB - 100);
  const send = (rid: number) =>
    client.send({
      command: "subscription",
      options: { ids: [], action: "unsubscribe", padding },
      rid,
    });

  for (let rid = 1; rid <= 5; rid++) send(rid);
  const frames = [];
  for (let i = 0; i < 5; i++) frames.push(await client.next());

  const refused = frames.filter(({ status }) => status === "error");
  assertEquals(refused.map(({ rid, event }) => ({ rid, event })), [{ rid: 5, event: "" }]);
  const [{ Slug, RetryAfterMs }] = refused[0]?.payload.error;
  assertEquals(Slug, "rate-limited");
  assert(RetryAfterMs > 1500 && RetryAfterMs <= 2000, `${RetryAfterMs} ms`);
  clock.tick(RetryAfterMs);
  send(6);
  assertEquals(await client.next().then(({ rid, status }) => ({ rid, status })), {
    rid: 6,
    status: "ok",
  });
});

Deno.test("[LIM6] a session that sends too many bytes for 10 s is closed with 4029", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss({ settings: { RATE_LIMIT_BYTES: KIB } });
  await using client = await wss.connect("/web");
  const frame = "[".repeat(2 * KIB);

  let passedMs = 0;
  while (client.socket.readyState === WebSocket.OPEN) {
    clock.tick(1000);
    passedMs += 1000;
    client.send(frame);
    // An error, or the end of the connection.
    await client.next().catch(() => {});
  }

  assertEquals((await client.ended).code, 4029);
  assert(passedMs > 10_000 && passedMs < 20_000, `${passedMs} ms`);
});

Deno.test("[LIM6] an array over the rate is refused as a whole, with the rid -1", async () => {
  await using wss = await startWss({ settings: { RATE_LIMIT_BYTES: KIB } });
  await using client = await wss.connect("/web", { protocols: ["wss.v1.batch"] });
  client.send([{ rid: 1, command: "x".repeat(9 * KIB), options: {} }]);

  const { rid, payload } = await client.next();

  assertEquals([rid, payload.error[0].Slug], [-1, "rate-limited"]);
});

Deno.test("[LIM6] the rid is found wherever it stands near an end of the frame, and nowhere else", () => {
  const long = "x".repeat(5 * KIB);
  for (
    const [text, rid] of [
      [`{"rid":7,"command":"a","options":{"a":"${long}"}}`, 7],
      [`{"command":"a","options":{"a":"${long}"},"rid": 8 }`, 8],
      [`{"command":"a","options":{"rid":1,"b":{"rid":2}},"rid":9}`, 9],
      [`{"rid":10,"options":{"rid":1}}`, 10],
      [`{"rid":11,"rid":12}`, 12],
      [`{"options":{"rid":1}}`, -1],
      [`{"options":"\\"rid\\":5","x":"${long}"}`, -1],
      [`{"a":"\\\\","rid":13}`, 13],
      [`{"a":"${long}","b":1,"rid":14,"c":"${long}"}`, -1],
      [`{"rid":"15"}`, -1],
      [`{"rid":0}`, -1],
      [`{"rid":1.5}`, -1],
      [`{"rid":99999999999999999999}`, -1],
      [`[{"rid":16}]`, -1],
      ["", -1],
      ['"', -1],
    ] as const
  ) {
    assertEquals(findRid(text), rid, text.slice(0, 60));
  }
});

Deno.test("[LIM6] the rid that is found is the one that JSON.parse gives", () => {
  const key = fc.constantFrom("rid", "command", "options", 'a"rid":1', "\\");
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(fc.dictionary(key, value), fc.integer({ min: 1 }), fc.nat(5), (object, rid, at) => {
      const entries = Object.entries(object).filter(([name]) => name !== "rid");
      entries.splice(at, 0, ["rid", rid]);
      assertEquals(findRid(JSON.stringify(Object.fromEntries(entries), null, at)), rid);
    }),
  );
});

Deno.test("[LIM6] any text is scanned without an error", () => {
  const piece = fc.constantFrom('"', "\\", "{", "}", "[", "]", '"rid"', ":", "1", ",", "é", " ");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 100 }), (pieces) => {
      assert(Number.isSafeInteger(findRid(pieces.join(""))));
    }),
  );
});

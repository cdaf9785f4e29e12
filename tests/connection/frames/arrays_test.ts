import FakeTimers from "@sinonjs/fake-timers";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { messagesOf } from "../../_support/clients/client.ts";
import { frameText } from "../../_support/fuzz/input.ts";
import { startWss } from "../../_support/service/wss.ts";

const BATCH = { protocols: ["wss.v1.batch"] };
const LIST = { where: { types: [] } };

Deno.test("[BAT4] each request of an array gets a reply, and each invalid element gets an error", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { ...BATCH, token: "alice" });

  client.send([
    { rid: 11, command: "getTournament", options: { where: { id: "1" } } },
    7,
    [{ rid: 12, command: "getTournament", options: { where: { id: "1" } } }],
    { rid: 13, command: "nonsense", options: {} },
    { rid: 14, options: {} },
    { rid: "x", command: "getTournament", options: {} },
    { rid: 11, command: "getTournament", options: { where: { id: "1" } } },
    { rid: 15, command: "getTournament", options: { where: { id: "2" } } },
  ]);
  const replies = messagesOf(await client.nextText());
  const [first, second] = [await client.reply(15), await client.reply(11)]
    .toSorted((a, b) => a.rid - b.rid);

  assertEquals(
    replies.map(({ rid, payload: { error: [{ Slug, Message }] } }) => [rid, Slug, Message]),
    [
      [-1, "invalid-request", "Cannot read element 1 of the frame: expected a JSON object"],
      [-1, "invalid-request", "Cannot read element 2 of the frame: expected a JSON object"],
      [13, "unsupported-command", replies[2]?.payload.message],
      [14, "invalid-request", replies[3]?.payload.message],
      [-1, "invalid-request", replies[4]?.payload.message],
      [11, "duplicate-rid", "The rid 11 is still in use"],
    ],
  );
  assertEquals([first?.rid, first?.status, second?.rid], [11, "ok", 15]);
});

Deno.test("[BAT4] for any array, each element gets one reply", async () => {
  await using wss = await startWss();
  const element = frameText.filter((text) => text.length < 500 && isJson(text));
  await fc.assert(
    fc.asyncProperty(fc.array(element, { minLength: 1, maxLength: 64 }), async (elements) => {
      await using client = await wss.connect("/mobile", BATCH);
      client.send(`[${elements.join(",")}]`);
      // This one is answered after all that were sent before it.
      const last = { ids: [], action: "unsubscribe" };
      client.send([{ rid: 1000, command: "subscription", options: last }]);
      for (const text of elements) {
        const { rid, status, payload } = await client.next();
        assert(rid !== 1000, `nothing for one of ${elements.length}, such as ${text}`);
        assert(status !== "error" || payload.error?.[0].Slug !== "internal", text);
      }
      assertEquals((await client.next()).rid, 1000);
    }),
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("[BAT4] an array of 64 is accepted; an array of 0 or 65 gets one invalid-request", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", BATCH);
  const requests = Array.from({ length: 65 }, (_, i) => (
    { rid: i + 1, command: "subscription", options: { ids: [], action: "unsubscribe" } }
  ));

  client.send(requests.slice(0, 64));
  for (let rid = 1; rid <= 64; rid++) assertEquals((await client.reply(rid)).status, "ok");
  for (const given of [[], requests]) {
    client.send(given);
    const { rid, event, payload } = JSON.parse(await client.nextText());
    assertEquals({ rid, event, length: payload.error.length }, { rid: -1, event: "", length: 1 });
    assertEquals(
      [payload.error[0].Slug, payload.message],
      [
        "invalid-request",
        `Cannot read the frame: it has ${given.length} requests, expected 1 to 64`,
      ],
    );
  }
});

Deno.test("[BAT4] requests of an array run as if each had arrived alone, with barriers", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", BATCH);

  client.send([
    { rid: 1, command: "authentication", options: { authToken: "alice" } },
    { rid: 2, command: "getMyNotifications", options: LIST },
    { rid: 3, command: "authentication", options: {} },
    { rid: 4, command: "getMyNotifications", options: LIST },
  ]);

  const replies = [await client.next(), await client.next(), await client.next()];
  replies.push(await client.next());
  assertEquals(
    replies.map(({ rid, status }) => [rid, status]),
    [[1, "ok"], [2, "ok"], [3, "ok"], [4, "unauthorized"]],
  );
});

Deno.test("[BAT4][LIM2] each request of an array counts towards the rate limit", async () => {
  await using wss = await startWss({ settings: { RATE_LIMIT: 5 } });
  await using client = await wss.connect("/web", BATCH);

  client.send(Array.from({ length: 12 }, (_, i) => ({ rid: i + 1, command: "none", options: {} })));

  const slugs = messagesOf(await client.nextText())
    .map(({ rid, payload }) => [rid, payload.error[0].Slug]);
  assertEquals(slugs.length, 12);
  for (const [rid, slug] of slugs) {
    assertEquals(slug, rid <= 10 ? "unsupported-command" : "rate-limited");
  }
});

Deno.test("[BAT4][LIM2] if an array ends the connection, the rest of the array does not run", async () => {
  const clock = FakeTimers.install({ toFake: ["performance"] });
  try {
    await using wss = await startWss({ settings: { RATE_LIMIT: 1 } });
    await using client = await wss.connect("/web", BATCH);
    const nonsense = Array(10).fill("x");
    for (let second = 0; second < 10; second++) {
      client.send(nonsense);
      for (let i = 0; i < 10; i++) await client.next();
      clock.tick(1000);
    }
    client.send([
      ...nonsense,
      { rid: 1, command: "authentication", options: { authToken: "alice" } },
    ]);

    assertEquals((await client.ended).code, 4029);
    assertEquals(wss.backend.calls, []);
  } finally {
    clock.uninstall();
  }
});

Deno.test("[BAT4][FRM2] MAX_MESSAGE_BYTES applies to the whole array", async () => {
  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 64 * 1024 } });
  await using client = await wss.connect("/web", BATCH);
  const request = { rid: 1, command: "none", options: {}, x: "é".repeat(10_000) };

  client.send(Array(3).fill(request));
  assertEquals(messagesOf(await client.nextText()).length, 3);
  client.send(Array(4).fill(request));

  assertEquals((await client.ended).code, 1009);
});

Deno.test("[BAT4][FRM3] without wss.v1.batch, an array is not a request", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { protocols: ["wss.v1"] });

  client.send([{ rid: 1, command: "authentication", options: {} }]);

  const { rid, payload } = await client.next();
  assertEquals([rid, payload.message], [-1, "Cannot read the frame: expected a JSON object"]);
});

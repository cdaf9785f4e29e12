import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { type Client, connect } from "./_support/client.ts";
import { startWss } from "./_support/wss.ts";

const LIST = { where: { types: [] } };
const FRAMES = 20_000;
const VALUES = 5000;
const ANSWERS = 5000;
/** Frames of one connection, whose replies are counted. */
const BATCH = 100;
const seed = Number(Deno.env.get("SEED") ?? crypto.getRandomValues(new Int32Array(1))[0]);

const oddString = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("__proto__", "constructor", "toString", "\ud800", "\u0000", "a\r\nb: c", "../x"),
  fc.nat({ max: 1000 }).map((length) => "x".repeat(length)),
);

const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }),
  oddString,
  fc.constantFrom(null, true, -1, 0, 1.5, 1e300, 2 ** 53, [], {}, ""),
);

/** Objects with these keys, of which each may be missing, or odd. */
function nearly(keys: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  const entries = Object.entries(keys).map(([key, value]) => {
    const weighted = { arbitrary: value, weight: 12 };
    return [key, fc.oneof(weighted, fc.constant(undefined), oddValue)] as const;
  });
  return fc.record(Object.fromEntries(entries));
}

const types = fc.array(fc.constantFrom("a", "b"), { maxLength: 3 });
const status = fc.constantFrom("unseen", "unread", "read");
const schedule = nearly({
  from: fc.nat(),
  to: fc.nat(),
  timezone: fc.constant("UTC"),
  gameIds: fc.array(fc.oneof(fc.nat(), oddString), { maxLength: 3 }),
  test: fc.boolean(),
  substage: nearly({ tiers: fc.array(fc.nat(), { maxLength: 2 }) }),
  tournament: nearly({ ids: fc.array(fc.nat(), { maxLength: 2 }) }),
});
const params = nearly({ limit: fc.nat(), skip: fc.nat(), sort: fc.constant("-id") });

const options: Record<string, fc.Arbitrary<unknown>> = {
  authentication: nearly({
    authToken: fc.constantFrom("alice", "bob", "nobody"),
    update: fc.boolean(),
  }),
  getMyNotifications: nearly({ params, where: nearly({ types }), since: oddString }),
  getMyNotificationsCount: nearly({ where: nearly({ types }), status }),
  updateNotifications: nearly({ where: nearly({ notifications: types }), status }),
  subscription: nearly({
    ids: fc.array(oddString, { maxLength: 3 }),
    action: fc.constant("unsubscribe"),
  }),
  getSchedules: nearly({ where: schedule, since: oddString }),
  getTournament: nearly({ where: nearly({ id: fc.oneof(fc.nat(), oddString) }) }),
};

const request = fc.oneof(
  ...Object.entries(options).map(([command, given]) =>
    nearly({ rid: fc.integer({ min: 1, max: 50 }), command: fc.constant(command), options: given })
  ),
);

/** JSON in which some characters are missing, doubled or others. */
const broken = fc.tuple(request, fc.nat(), fc.constantFrom("", "{", '"', "\\", ",", "\u2028"))
  .map(([value, at, other]) => {
    const text = JSON.stringify(value);
    const index = at % text.length;
    return text.slice(0, index) + other + text.slice(index + 1);
  });

const text = fc.oneof(
  { arbitrary: request.map((value) => JSON.stringify(value)), weight: 12 },
  { arbitrary: broken, weight: 4 },
  oddValue.map((value) => JSON.stringify(value)),
  oddString,
  fc.constantFrom("[".repeat(60_000), '{"a":'.repeat(10_000), "1e999", "-0", "nul", "\ufeff{}"),
  fc.constantFrom(
    '{"rid":1,"rid":2,"command":"subscription","command":"x","options":{}}',
    `{"rid":3,"command":"subscription","options":{"ids":["${"x".repeat(64_000)}"]}}`,
    '{"__proto__":{"rid":4},"command":"subscription","options":{}}',
    '{"rid":9007199254740993,"command":"subscription","options":{}}',
    '{"rid":1e0,"command":"getTournament","options":{"where":{"id":1e400}}}',
  ),
);

/** Samples; the seed is told, and SEED repeats them. */
function sample<T>(arbitrary: fc.Arbitrary<T>, count: number): T[] {
  // deno-lint-ignore no-console
  console.log(`seed ${seed}`);
  return fc.sample(arbitrary, { numRuns: count, seed });
}

/** Sends frames, and then a request that is answered after all of them; gives the replies. */
async function repliesTo(client: Client, frames: string[]) {
  for (const frame of frames) client.send(frame);
  client.send({ rid: 1000, command: "subscription", options: { ids: [], action: "unsubscribe" } });
  const replies = [];
  for (;;) {
    const frame = await client.next();
    if (frame.rid === 1000) return replies;
    replies.push(frame);
  }
}

Deno.test("[REQ2] whatever a client sends, each frame gets one reply, and nothing is left behind", async () => {
  await using wss = await startWss({ settings: { MAX_SUBSCRIPTIONS: "20" } });
  const frames = sample(text, FRAMES);
  for (let start = 0; start < FRAMES; start += BATCH) {
    await using client = await connect(`${wss.ws}/mobile`);
    const sent = frames.slice(start, start + BATCH);
    const replies = await repliesTo(client, sent);
    assertEquals(replies.length, sent.length);
    for (const { rid, event, status, payload } of replies) {
      assert(
        Number.isSafeInteger(rid) && typeof event === "string",
        JSON.stringify({ rid, event }),
      );
      assert(["ok", "unauthorized", "forbidden", "error"].includes(status), status);
      const slugs = status === "error"
        ? payload.error?.map(({ Slug }: { Slug: string }) => Slug)
        : [];
      assert(!slugs?.includes("internal"), JSON.stringify(payload));
    }
  }
  const { service } = wss;
  assertEquals([service.sessions.size, service.reloads.size, service.revalidation.size], [0, 0, 0]);
  assertEquals(service.sessions.indexSizes(), { keys: 0, users: 0 });
  assertEquals(Object.keys(Object.prototype), []);
});

Deno.test("[KAF6] whatever is in the topic, the next message arrives", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const ids = fc.array(fc.oneof(fc.constant(event), oddString), { maxLength: 4 });
  const userId = fc.oneof(fc.constantFrom("42", 42, "43"), oddString);
  const reload = nearly({ reload: fc.boolean() });
  const document = fc.oneof(
    nearly({ userId, type: fc.constantFrom("a", "b"), data: oddValue }),
    nearly({ subscriptions: ids, options: reload, data: oddValue }),
    nearly({ resource: fc.constant("schedule"), options: reload, data: oddValue }),
  );
  const type = fc.constantFrom("notification", "update_subscription");
  const value = fc.oneof(
    { arbitrary: nearly({ type, document }).map((value) => JSON.stringify(value)), weight: 6 },
    broken,
    oddValue.map((value) => JSON.stringify(value)),
    fc.uint8Array({ maxLength: 200 }),
  );

  for (const published of sample(value, VALUES)) wss.log.publish(published);
  wss.publish("notification", { userId: "42", type: "last" });
  wss.publish("notification", { userId: "42", type: "a", data: "the end" });

  let frame = await client.next();
  while (frame.payload !== "the end") frame = await client.next();
  assertEquals(wss.service.stream.positions, [VALUES + 2]);
  assert(wss.service.quarantine.total > 100 && wss.service.quarantine.records.length <= 1000);
});

Deno.test("[BCK1] whatever a backend answers, each command gets one reply", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  const body = fc.oneof(
    fc.constantFrom("", "null", "{}", "[]", '{"total":1}', '{"id":"42"}', "[".repeat(20_000)),
    oddValue.map((value) => JSON.stringify(value)),
    oddString,
    fc.uint8Array({ maxLength: 100 }),
  );
  const code = fc.oneof(
    fc.constantFrom(200, 201, 301, 302, 400, 401, 403, 404, 429, 500, 501),
    fc.integer({ min: 200, max: 501 }),
  );
  const retryAfter = fc.constantFrom("", "7", "-1", "soon", "Mon, 01 Jan 2029 00:00:00 GMT");
  const answers = sample(fc.tuple(code, body, retryAfter), ANSWERS)[Symbol.iterator]();
  const respond = () => {
    const [status, body, retryAfter] = answers.next().value ?? [200, "", ""];
    const isEmpty = status === 204 || status === 205 || status === 304;
    const bytes = typeof body === "string" ? body : new Uint8Array(body);
    return new Response(isEmpty ? null : bytes, { status, headers: { "retry-after": retryAfter } });
  };
  for (const key of ["GET /user", "GET /notification", "GET /schedule", "GET /tournament"]) {
    wss.backend.on(key, respond);
  }

  const asked = [
    { command: "authentication", options: { authToken: "alice" } },
    { command: "getMyNotifications", options: LIST },
    { command: "getMyNotificationsCount", options: { ...LIST, status: "read" } },
    { command: "getSchedules", options: { where: { from: 1, to: 2, timezone: "UTC" } } },
    { command: "getTournament", options: { where: { id: 1 } } },
  ];
  for (let i = 0; wss.backend.calls.length < ANSWERS; i++) {
    const requests = asked.map((request, n) => ({ ...request, rid: n + 1 }));
    const replies = await repliesTo(client, requests.map((request) => JSON.stringify(request)));
    assertEquals(replies.map(({ rid }) => rid).sort(), [1, 2, 3, 4, 5]);
    for (const { status, payload } of replies) {
      if (status === "error") {
        assert(payload?.error?.[0]?.Slug !== "internal", JSON.stringify(payload));
      }
    }
    if (i % 20 === 0) wss.backend.on("GET /user", () => Response.json({ id: "42" }));
    if (i % 20 === 10) wss.backend.on("GET /user", respond);
  }
  assertEquals(wss.service.sessions.size, 1);
});

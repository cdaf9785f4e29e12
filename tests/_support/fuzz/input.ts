/** Input of every kind, from all that the service takes input from: clients, the topic, backends. */
import fc from "fast-check";
import { notificationTarget } from "../../../src/protocol/target.ts";

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

/** Objects with these keys. Each key may be missing, or have an odd value. */
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

/** Frames of a client, as text: requests, near misses, and anything else. */
export const frameText = fc.oneof(
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

const userId = fc.oneof(fc.constantFrom("42", 42, "43"), oddString);
const subscriptionId = fc.oneof(
  fc.constant(notificationTarget({ userId: "42", types: [] }).id),
  oddString,
);
const reload = nearly({ reload: fc.boolean() });
const document = fc.oneof(
  nearly({ userId, type: fc.constantFrom("a", "b"), data: oddValue }),
  nearly({
    subscriptions: fc.array(subscriptionId, { maxLength: 4 }),
    options: reload,
    data: oddValue,
  }),
  nearly({ resource: fc.constant("schedule"), options: reload, data: oddValue }),
);
const message = nearly({
  type: fc.constantFrom("notification", "update_subscription", "logout"),
  document,
});

export type KafkaValue = string | Uint8Array;

/** Values in the topic. Some are for user 42, who has subscribed to all types. */
export const kafkaValue: fc.Arbitrary<KafkaValue> = fc.oneof(
  { arbitrary: message.map((value) => JSON.stringify(value)), weight: 6 },
  broken,
  oddValue.map((value) => JSON.stringify(value)),
  fc.uint8Array({ maxLength: 200 }),
);

export interface Answer {
  status: number;
  body: string | Uint8Array;
  retryAfter: string;
}

/** What a backend may answer. */
export const answer: fc.Arbitrary<Answer> = fc.record({
  status: fc.oneof(
    fc.constantFrom(200, 201, 301, 302, 400, 401, 403, 404, 429, 500, 501),
    fc.integer({ min: 200, max: 501 }),
  ),
  body: fc.oneof(
    fc.constantFrom("", "null", "{}", "[]", '{"total":1}', '{"id":"42"}', "[".repeat(20_000)),
    oddValue.map((value) => JSON.stringify(value)),
    oddString,
    fc.uint8Array({ maxLength: 100 }),
  ),
  retryAfter: fc.constantFrom("", "7", "-1", "soon", "Mon, 01 Jan 2029 00:00:00 GMT"),
});

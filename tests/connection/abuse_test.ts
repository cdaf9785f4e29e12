/** Sessions at the limits, beside a client that must not notice them. */
import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { delay } from "../../src/util/delay.ts";
import { anyShape, jsonOf, near } from "../_support/abuse/texts.ts";
import { startVictim, tryAttacks, type Victim } from "../_support/abuse/victim.ts";
import { connect, type Frame } from "../_support/clients/client.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const MAX_SESSION_BYTES = 64 * KIB;
const RATE_LIMIT_BYTES = 512 * KIB;
const RUNS = 20;
/** Milliseconds until a refused request is sent again, if the refusal does not say when. */
const RETRY_MS = 50;
const NEVER = new AbortController().signal;
/** What many selections of one kind have together. */
const MOST_SELECTED_BYTES = 3 * MIB;
/** Codes with which the service may close a session for what it sent; 0 if that broke off the sending. */
const CLOSES = [1009, 4029, 0, 1006];
/** Memory for what is kept of a subscription, for each byte that it counts (LIM5). */
const KEPT_FACTOR = 2.5;
/** What garbage, and the buffers of a few frames of 1 MiB, may take until V8 collects them. */
const MOST_BYTES = 120 * MIB;
const BUDGET = {
  // After strings like indices, V8 parses other strings slowly until it has collected the garbage.
  parses: 5,
  keptBytes: KEPT_FACTOR * MAX_SESSION_BYTES,
  leftBytes: 0,
  mostBytes: MOST_BYTES,
};
const settings = {
  RATE_LIMIT: 100,
  RATE_LIMIT_BYTES,
  MAX_MESSAGE_BYTES: MIB,
  MAX_SESSION_BYTES,
};

const command = fc.constantFrom(
  "authentication",
  "getMyNotifications",
  "getMyNotificationsCount",
  "updateNotifications",
  "subscription",
  "getSchedules",
  "getTournament",
  "__proto__",
);
const SELECTIONS = {
  types: (items: unknown[]) => ({ command: "getMyNotifications", where: { types: items } }),
  gameIds: (items: unknown[]) => ({ command: "getSchedules", where: schedule({ gameIds: items }) }),
  tiers: (items: unknown[]) => ({
    command: "getSchedules",
    where: schedule({ substage: { tiers: items } }),
  }),
  ids: (items: unknown[]) => ({
    command: "getSchedules",
    where: schedule({ tournament: { ids: items } }),
  }),
};
type Selection = keyof typeof SELECTIONS;

function schedule(more: object) {
  return { from: 1, to: 2, timezone: "UTC", ...more };
}

/** A frame without a meaning of its own. */
interface Filled {
  readonly is: "filled";
  readonly shape: Parameters<typeof jsonOf>[0];
  readonly bytes: number;
  /** Where in a request it is; alone, it is the frame. */
  readonly at: "alone" | "options" | "where" | "types" | "since" | "ids" | "token" | "rid";
  readonly command: string;
}

/** A list of so many items, each of so many characters, or many such lists. */
interface Selected {
  readonly is: "selected";
  readonly key: Selection;
  readonly items: number;
  readonly length: number;
  /** Requests with other items each. */
  readonly requests: number;
}

interface Attack {
  readonly protocol: "none" | "wss.v1" | "wss.v1.batch";
  readonly isUser: boolean;
  readonly frames: readonly (Filled | Selected)[];
}

const filled: fc.Arbitrary<Filled> = fc.record({
  is: fc.constant("filled" as const),
  shape: anyShape,
  bytes: fc.oneof(near(MIB), near(RATE_LIMIT_BYTES), fc.nat(2000)),
  at: fc.constantFrom("alone", "options", "where", "types", "since", "ids", "token", "rid"),
  command,
});
const selected: fc.Arbitrary<Selected> = fc.record({
  is: fc.constant("selected" as const),
  key: fc.constantFrom(...Object.keys(SELECTIONS) as Selection[]),
  items: fc.oneof(near(1000), fc.nat(80)),
  length: fc.oneof(near(200), fc.integer({ min: 4, max: 10 })),
  requests: fc.constantFrom(1, 2, 45, 190),
});
const attack: fc.Arbitrary<Attack> = fc.record({
  protocol: fc.constantFrom("none", "wss.v1", "wss.v1.batch"),
  isUser: fc.boolean(),
  frames: fc.array(fc.oneof(filled, selected), { minLength: 1, maxLength: 6 }),
});

/** What must be among the attacks: each limit from both sides. */
const EXAMPLES: Attack[] = [
  ...(["types", "gameIds"] as const).flatMap((key) =>
    [[1000, 10], [1001, 4], [70, 200], [70, 201]].map(([items = 0, length = 0]): Attack => ({
      protocol: "none",
      isUser: true,
      frames: [{ is: "selected", key, items, length, requests: 1 }],
    }))
  ),
  {
    protocol: "wss.v1",
    isUser: false,
    frames: [{ is: "selected", key: "gameIds", items: 75, length: 200, requests: 190 }],
  },
  {
    protocol: "wss.v1.batch",
    isUser: false,
    frames: [
      { is: "filled", shape: "nested arrays", bytes: MIB, at: "alone", command: "" },
      {
        is: "filled",
        shape: "strings like indices",
        bytes: MIB,
        at: "types",
        command: "getMyNotifications",
      },
      { is: "filled", shape: "many keys", bytes: MIB, at: "alone", command: "" },
    ],
  },
];

/** The texts of the frames. */
function textsOf({ is, ...frame }: Filled | Selected, nextRid: () => number) {
  if (is === "filled") return [textOf(frame as Filled, nextRid())];
  const { key, items, length, requests } = frame as Selected;
  const most = Math.max(1, Math.floor(MOST_SELECTED_BYTES / (items * length + 100)));
  return Array.from({ length: Math.min(requests, most) }, (_, n) => {
    const selection = Array.from(
      { length: items },
      (_, i) => `${n}-${i}`.padEnd(length, "x").slice(0, length),
    );
    const { command, where } = SELECTIONS[key](selection);
    return JSON.stringify({ rid: nextRid(), command, options: { where } });
  });
}

function textOf({ at, shape, bytes, command }: Filled, rid: number): string {
  if (at === "alone") return jsonOf(shape, bytes);
  const [before = "", after = ""] = {
    options: ["", ""],
    where: ['{"where":', "}"],
    types: ['{"where":{"from":1,"to":2,"timezone":"UTC","types":', "}}"],
    since: ['{"where":{"from":1,"to":2,"timezone":"UTC","types":[]},"since":', "}"],
    ids: ['{"action":"unsubscribe","ids":', ',"where":{"notifications":[]}}'],
    token: ['{"authToken":', "}"],
    rid: ["{}", ""],
  }[at];
  const start = `{"rid":${rid},"command":"${command}","options":${before}`;
  const end = at === "rid" ? `${after},"rid":` : after;
  const room = bytes - new TextEncoder().encode(start + end).length - 1;
  const value = jsonOf(shape, Math.max(1, room));
  return at === "rid" ? `${start}${end}${value}}` : `${start}${value}${end}}`;
}

/** Whether a selection is within the limits of LIM5, so far as the frame alone tells. */
function isAllowed({ items, length }: Selected): boolean {
  return items <= 1000 && length <= 200 && items * (length + 10) < 12 * KIB;
}

async function misbehave(victim: Victim, { protocol, isUser, frames }: Attack) {
  const startedAt = performance.now();
  const client = await connect(`${victim.url}/mobile`, {
    protocols: protocol === "none" ? [] : [protocol],
    ...isUser ? { token: "mallory" } : {},
  });
  let rid = 10;
  const sent = frames.flatMap((frame) => textsOf(frame, () => ++rid));
  for (const text of sent) client.send(text);
  const closes: number[] = [];
  client.ended.then(({ code }) => closes.push(code));
  const replies: Frame[] = [];
  // A frame that may be an array of requests has a reply for each of them.
  const last = {
    rid: 1_000_001,
    command: "subscription",
    options: { ids: [], action: "unsubscribe" },
  };
  client.send(last);
  for (;;) {
    const frame = await client.next().catch(() => null);
    if (frame === null || frame.rid === last.rid && frame.status === "ok") break;
    if (frame.rid !== last.rid) {
      replies.push(frame);
      continue;
    }
    // It was over a limit, and so was answered before those under way. If it runs, it comes after them.
    await delay(frame.payload.error[0].RetryAfterMs ?? RETRY_MS, NEVER);
    client.send(last);
  }
  for (const code of closes) assert(CLOSES.includes(code), `closed with ${code}`);
  for (const { status, payload } of replies) {
    assert(payload?.error?.[0]?.Slug !== "internal", JSON.stringify(payload));
    assert(["ok", "unauthorized", "error"].includes(status), status);
  }
  const slugs = replies.map(({ payload }) => payload?.error?.[0]?.Slug);
  const bytes = sent.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
  const passedSeconds = (performance.now() - startedAt) / 1000;
  if (closes.length === 0 && bytes > RATE_LIMIT_BYTES * (8 + passedSeconds)) {
    assert(slugs.includes("rate-limited"), `${bytes} bytes were taken`);
  }
  const [only, ...others] = frames;
  if (only?.is === "selected" && others.length === 0 && only.requests === 1) {
    const expected = isAllowed(only) ? undefined : "invalid-options";
    const isKnown = only.items > 1000 || only.length > 200 || isAllowed(only);
    if (isKnown && replies[0]?.status !== "unauthorized") assertEquals(slugs, [expected]);
  }
  return client;
}

Deno.test("[LIM2][LIM5][LIM6] no session at the limits keeps another client waiting, or takes more than it may", async () => {
  await using victim = await startVictim({ settings, maxBytes: MIB });
  await tryAttacks(attack, {
    runs: RUNS,
    examples: EXAMPLES,
    attack: (attack) =>
      victim.survives(BUDGET, async () => {
        const client = await misbehave(victim, attack);
        return async () => {
          await client[Symbol.asyncDispose]();
          victim.backend.forget();
        };
      }),
  });
});

Deno.test("[LIM6] of large frames that many clients send at once, a turn parses a few", async () => {
  const bytes = 120_000;
  await using victim = await startVictim({ settings, maxBytes: bytes });
  await using stack = new AsyncDisposableStack();
  const connecting = Array.from({ length: 60 }, () => connect(`${victim.url}/web`));
  const clients = await Promise.all(connecting);
  for (const client of clients) stack.use(client);
  const ids = jsonOf("many ids", bytes);
  // The platform keeps the last message of each connection.
  const budget = { ...BUDGET, parses: 2, keptBytes: clients.length * bytes };

  await victim.survives(budget, async () => {
    for (const client of clients) client.send(ids);
    for (const client of clients) {
      assertEquals((await client.next()).payload.error[0].Slug, "invalid-request");
    }
    return () => stack.disposeAsync();
  });
});

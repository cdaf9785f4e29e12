/**
 * What a seed decides before its run begins: the settings, the clients, and how often what happens. No
 * two worlds have the same faults: one that has all of them at once hides most of what can go wrong.
 */
import type { Settings } from "../../../src/settings/settings.ts";
import type { ClientInit } from "../client/connecting_client.ts";
import { Sequence } from "../platform/random.ts";

/** What may happen, and how often, where it happens. */
const KINDS = {
  publish: 60,
  burst: 4,
  nonsense: 2,
  reload: 6,
  logout: 1,
  marker: 2,
  undecodable: 1,
  transaction: 1,
  stall: 2,
  mute: 1,
  retain: 1,
  cut: 1,
  replace: 0.6,
  addPartition: 0.3,
  list: 10,
  unsubscribe: 3,
  count: 2,
  watch: 4,
  mark: 2,
  renew: 2,
  become: 1,
  logOut: 0.5,
  badFrame: 1,
  move: 6,
  away: 3,
  slowLine: 3,
  stuckLine: 3,
  cutLine: 3,
  deadLine: 1,
  backend: 2,
  withdraw: 1,
  drain: 0.4,
  kill: 0.3,
} as const;

/** Something that may happen. */
export type Kind = keyof typeof KINDS;

/** These happen in every world. */
const ALWAYS: readonly Kind[] = ["publish", "list", "move", "away"];

/** Something that happens, when, and two numbers that say what exactly. */
export interface Action {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly kind: Kind;
  readonly a: number;
  readonly b: number;
}

/** What a seed decides. */
export interface Plan {
  readonly partitions: number;
  readonly users: readonly string[];
  readonly clients: readonly Omit<ClientInit, "name">[];
  /** Clients that only listen, in addition: they make a delivery take several time slices. */
  readonly listeners: number;
  readonly settings: Partial<Settings>;
  /** Whether all clients of a user have the same token. */
  readonly sharesTokens: boolean;
  /** Milliseconds that an API takes for an answer at most, unless it is in trouble. */
  readonly answerMs: number;
  readonly kinds: readonly { readonly kind: Kind; readonly weight: number }[];
  /** Milliseconds between two actions, on average. */
  readonly gapMs: number;
  /** Whether nothing of this world is a reason for a `resync`. */
  readonly losesNothing: boolean;
  /** Whether a young cursor must be taken by every instance. */
  readonly resumesAll: boolean;
}

/** What may be a reason for a `resync`. */
const LOSSES: readonly Kind[] = ["undecodable", "retain", "cut", "replace", "backend", "withdraw"];
/** What may be a reason for a list in place of a resume. */
const REFUSALS: readonly Kind[] = ["reload", "mute"];

/** When the first action comes, in milliseconds: everybody is connected by then. */
const FIRST_AT = 1500;

/** Makes the plan of a seed. */
export function createPlan(seed: number): Plan {
  const random = new Sequence(seed);
  const users = ["41", "42", "43"].slice(0, random.int(1, 3));
  const isBig = random.chance(0.08);
  const listeners = isBig ? random.int(129, 160) : 0;
  const clients = Array.from({ length: random.int(2, 8) + listeners }, () => ({
    protocol: random.pick(["none", "wss.v1", "wss.v1", "wss.v1.batch"] as const),
    endpoint: random.pick(["/web", "/mobile"] as const),
    user: random.pick(users),
    sendsHeader: random.chance(0.5),
  }));
  const sharesTokens = random.chance(0.5);
  const losesNothing = random.chance(0.2);
  const kinds = (Object.keys(KINDS) as Kind[])
    .filter((kind) => ALWAYS.includes(kind) || random.chance(0.35))
    // Where retention takes records seconds after a cut, no time tells the old log from the new one.
    .filter((kind) => !losesNothing || !LOSSES.includes(kind))
    // Nobody could say whose session a shared token is that is withdrawn.
    .filter((kind) => kind !== "withdraw" || !sharesTokens)
    .filter((kind, _, kinds) => kind !== "retain" || !kinds.includes("cut"))
    .map((kind) => ({ kind, weight: KINDS[kind] * random.pick([0.3, 1, 3]) }));
  return {
    partitions: random.int(1, 4),
    users,
    clients,
    listeners,
    kinds,
    sharesTokens,
    answerMs: random.pick([2, 15, 15, 200]),
    gapMs: isBig ? 400 : random.pick([4, 15, 60]),
    losesNothing,
    resumesAll: losesNothing && !kinds.some(({ kind }) => REFUSALS.includes(kind)),
    settings: {
      RECOVERY_WINDOW_SECONDS: losesNothing ? 3000 : random.pick([3, 20, 300]),
      RECOVERY_MAX_BYTES: losesNothing ? 1e9 : random.pick([3000, 20_000, 10_000_000]),
      MAX_BUFFERED_BYTES: random.pick([1500, 6000, 100_000]),
      SLOW_TIMEOUT_SECONDS: random.pick([1, 5]),
      CURSOR_SECONDS: random.pick([1, 5]),
      DEGRADED_AFTER_SECONDS: random.pick([3, 6]),
      AUTH_REVALIDATE_SECONDS: random.pick([5, 20, 300]),
      AUTH_CACHE_SECONDS: random.pick([0, 5]),
      IDLE_GUEST_SECONDS: random.pick([5, 60]),
      BACKEND_TIMEOUT_MS: random.pick([700, 3000]),
      REQUEST_POOL_SIZE: isBig || losesNothing ? 1000 : random.pick([3, 50]),
      RELOAD_CONCURRENCY: random.pick([1, 2, 20]),
      QUARANTINE_SIZE: 5,
      DRAIN_SECONDS: random.pick([0, 2]),
      SHUTDOWN_SECONDS: 20,
    },
  };
}

/** The schedule of a seed, which has no end. */
export function* createSchedule(seed: number, { kinds, gapMs }: Plan): Generator<Action> {
  const random = new Sequence(seed + 1);
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
  for (let at = FIRST_AT;;) {
    at += -Math.log(1 - random.roll()) * gapMs;
    let left = random.roll() * total;
    const found = kinds.find(({ weight }) => (left -= weight) < 0) ?? kinds[0];
    if (found) yield { at, kind: found.kind, a: random.bits(), b: random.bits() };
  }
}

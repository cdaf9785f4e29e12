/**
 * What became of messages, for whom, and why not for others: what an operator is told at `/why`. It
 * is bounded, and has ids only, never a payload or a token. Pushes are counted here as well.
 */
import { messageTypeOf } from "../log/addressing.ts";
import { Fifo } from "../util/fifo.ts";
import type { Entry } from "../log/window.ts";
import type { Metrics } from "./metrics.ts";
import type { Target } from "../protocol/target.ts";

/** How much is remembered. */
export interface TraceLimits {
  /** Pushes; those of the oldest messages are forgotten first. */
  readonly maxSteps: number;
  /** Sessions, logins and subscriptions that are over, and resyncs; as many more of guests. */
  readonly maxPast: number;
}

const LIMITS: TraceLimits = { maxSteps: 200_000, maxPast: 20_000 };

/** Types of a subscription that are remembered when it is over, and the characters of each. */
const MAX_TYPES = 20;
const MAX_TYPE_LENGTH = 100;

/** A subscription of a session, by ids. */
export interface Recipient {
  readonly session: string;
  readonly subscription: string;
}

/** What happened to one message for one subscription. */
export type What =
  /** Handed to the socket as soon as it was read. */
  | "sent"
  /** Not sent yet: so much is unsent that nothing more was queued. */
  | "held back: the client is behind"
  /** Not sent yet: a list or a reload is under way, or what came before is still being sent. */
  | "held back: catching up"
  /** Handed to the socket later, or to a client that has resumed. */
  | "caught up"
  /** By the cursor from which it has resumed. */
  | "the client has it already"
  /** The list is being fetched again. */
  | "reload asked"
  /** The new list was handed to the socket. */
  | "reloaded"
  | "reload failed"
  /** Another list that was asked for later has it. */
  | "in a later list";

/** A step of a message on its way to a subscription; `at` in milliseconds since 1970. */
export interface Step extends Recipient {
  readonly what: What;
  readonly at: number;
}

/** What is remembered of a subscription's target. */
export interface BriefTarget {
  readonly id: string;
  readonly resource: Target["resource"];
  /** Of notifications; empty means every type. */
  readonly types?: readonly string[];
}

/** Something that is over, from and to in milliseconds since 1970; `user` is `null` for a guest's. */
export type Past =
  & {
    readonly session: string;
    readonly user: string | null;
    readonly to: number;
    readonly why: string;
  }
  & (
    | { readonly kind: "session"; readonly from: number }
    | { readonly kind: "login"; readonly from: number }
    | { readonly kind: "subscription"; readonly target: BriefTarget; readonly from: number }
    | { readonly kind: "resync"; readonly subscription: string }
  );

/** Why a subscription had to begin anew. */
export type ResyncReason = "left the window" | "reload failed" | "lost by the log";

/** Live pushes of one message, not a step each: there may be many. */
interface Live {
  readonly subscription: string;
  readonly sessions: readonly string[];
  readonly at: number;
}

interface EntryTrace {
  readonly seq: number;
  readonly live: Live[];
  readonly steps: Step[];
}

/** Remembers what became of messages. */
export class Trace {
  readonly #metrics: Pick<Metrics, "pushes" | "pushSeconds" | "resyncs">;
  readonly #limits: TraceLimits;
  /** Those of the window that somebody got, or was to get, by seq. */
  readonly #traced = new Map<number, EntryTrace>();
  /** The same, the oldest first: looking for the first of a map takes as long as much was deleted. */
  readonly #inOrder = new Fifo<EntryTrace>();
  readonly #past = { users: new Fifo<Past>(), guests: new Fifo<Past>() };
  #steps = 0;
  /** What became of messages in front of this one may be forgotten. */
  #forgottenUntil = 0;
  /** Messages in front of this one were read as the instance started, and pushed to nobody. */
  #filledUntil = 0;

  constructor(
    metrics: Pick<Metrics, "pushes" | "pushSeconds" | "resyncs">,
    limits: TraceLimits = LIMITS,
  ) {
    this.#metrics = metrics;
    this.#limits = limits;
  }

  /** The instance has caught up: what is read from this seq on is pushed. */
  filled(seq: number): void {
    this.#filledUntil = seq;
  }

  /** A message was handed to the sockets of these sessions, as soon as it was read. */
  sent(entry: Entry, subscription: string, sessions: readonly string[]): void {
    if (sessions.length === 0) return;
    const type = messageTypeOf(entry.delivery.to);
    const at = Date.now();
    this.#metrics.pushes.inc({ type, kind: "live" }, sessions.length);
    // A producer's clock may be ahead of this machine's.
    const seconds = Math.max(0, at - entry.timestamp) / 1000;
    this.#metrics.pushSeconds.observe(type, seconds, sessions.length);
    // In lists of just their size: one that something was added to has room for 16 more.
    const live = { subscription, sessions: [...sessions], at };
    const trace = this.#traced.get(entry.seq);
    if (trace) trace.live.push(live);
    else this.#begin({ seq: entry.seq, live: [live], steps: [] });
    this.#grow(sessions.length);
  }

  /** Something else became of a message. */
  note(
    entry: Entry,
    { session, subscription }: Recipient,
    what: Exclude<What, "sent">,
  ): void {
    if (what === "caught up" || what === "reloaded") {
      const type = messageTypeOf(entry.delivery.to);
      this.#metrics.pushes.inc({ type, kind: what === "reloaded" ? "reload" : "caught_up" });
    }
    const step = { session, subscription, what, at: Date.now() };
    const trace = this.#traced.get(entry.seq);
    if (trace) trace.steps.push(step);
    else this.#begin({ seq: entry.seq, live: [], steps: [step] });
    this.#grow(1);
  }

  /** A session was told something that is of no message. */
  announced(
    type: "stream" | "server" | "authentication",
    kind: "live" | "degraded" | "reconnect" | "unauthorized",
  ): void {
    this.#metrics.pushes.inc({ type, kind });
  }

  /** A subscription was told to begin anew, or was sent its list for that. */
  resynced(
    { session, subscription, user }: Recipient & { user: string | null },
    why: ResyncReason,
  ): void {
    this.#metrics.resyncs.inc({ reason: why.replaceAll(" ", "_") });
    this.over({ kind: "resync", session, subscription, user, to: Date.now(), why });
  }

  /** Something is over. */
  over(past: Past): void {
    const ring = past.user === null ? this.#past.guests : this.#past.users;
    ring.push(past);
    if (ring.length > this.#limits.maxPast) ring.shift();
  }

  /** Forgets messages that have left the window, which begins at this seq. */
  trim(firstSeq: number): void {
    for (let oldest = this.#inOrder.first; oldest; oldest = this.#inOrder.first) {
      if (oldest.seq >= firstSeq) return;
      this.#forget(oldest);
    }
  }

  /** Whether it is not known any more what became of a message. */
  isForgotten({ seq }: Entry): boolean {
    return seq < this.#forgottenUntil && !this.#traced.has(seq);
  }

  /** Whether a message was read as the instance started, and pushed to nobody. */
  isFilled({ seq }: Entry): boolean {
    return seq < this.#filledUntil;
  }

  /** What became of a message for those for whom the condition holds, a list for each. */
  recipientsOf(
    { seq }: Entry,
    isWanted: (recipient: Recipient) => boolean,
    { limit }: { limit: number },
  ): { count: number; steps: Step[][] } {
    const trace = this.#traced.get(seq);
    const steps: Step[][] = [];
    let count = 0;
    for (const { subscription, sessions, at } of trace?.live ?? []) {
      for (const session of sessions) {
        if (!isWanted({ session, subscription })) continue;
        if (++count <= limit) steps.push([{ session, subscription, what: "sent", at }]);
      }
    }
    const later = Map.groupBy(
      trace?.steps.filter(isWanted) ?? [],
      ({ session, subscription }) => `${session} ${subscription}`,
    );
    for (const own of later.values()) if (++count <= limit) steps.push(own);
    return { count, steps };
  }

  /** All that is over, of users and then of guests, each the oldest first. */
  *past(): Generator<Past> {
    for (const ring of [this.#past.users, this.#past.guests]) {
      for (let i = 0; i < ring.length; i++) {
        const past = ring.at(i);
        if (past) yield past;
      }
    }
  }

  /** How many steps are remembered. */
  get size(): number {
    return this.#steps;
  }

  #begin(trace: EntryTrace): void {
    this.#traced.set(trace.seq, trace);
    this.#inOrder.push(trace);
  }

  #grow(steps: number): void {
    this.#steps += steps;
    for (let oldest = this.#inOrder.first; oldest; oldest = this.#inOrder.first) {
      if (this.#steps <= this.#limits.maxSteps) return;
      this.#forgottenUntil = Math.max(this.#forgottenUntil, oldest.seq + 1);
      this.#forget(oldest);
    }
  }

  /** Forgets the oldest. */
  #forget({ seq, live, steps }: EntryTrace): void {
    this.#inOrder.shift();
    this.#traced.delete(seq);
    this.#steps -= steps.length;
    for (const { sessions } of live) this.#steps -= sessions.length;
  }
}

/** What is to be remembered of a target, however long a client has made it. */
export function briefOf(target: Target): BriefTarget {
  const { id, resource } = target;
  if (target.resource !== "notification") return { id, resource };
  const types = target.where.types.slice(0, MAX_TYPES)
    // Not a part of it, which would keep the whole.
    .map((type) => type.length > MAX_TYPE_LENGTH ? "…" : type);
  return { id, resource, types };
}

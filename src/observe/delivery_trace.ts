/**
 * The delivery trace: what happened to each message of the window, for which sessions, and which
 * sessions, logins and subscriptions have ended. Operators read it at `/why`. It is bounded, and holds
 * ids only, never a payload or a token.
 */
import type { Entry } from "../log/window.ts";
import type { CountTarget, Target } from "../protocol/target.ts";
import { Fifo } from "../util/fifo.ts";
import type {
  BriefTarget,
  DeliveryListener,
  End,
  LivePushes,
  OwnStep,
  Past,
  Recipient,
  Resync,
  Step,
} from "./deliveries.ts";

/** How much a {@linkcode DeliveryTrace} remembers. */
export interface DeliveryTraceLimits {
  /** The most steps. Those of the oldest messages are forgotten first. */
  readonly maxSteps: number;
  /** The most ends and resyncs of users' sessions; as many more of guests'. */
  readonly maxPast: number;
}

const LIMITS: DeliveryTraceLimits = { maxSteps: 200_000, maxPast: 20_000 };

/** How many types of a target are remembered, and how many characters a type may have for that. */
const MAX_TYPES = 20;
const MAX_TYPE_LENGTH = 100;

/** Steps that are looked at between two rests. */
const STEPS_BETWEEN_RESTS = 1000;

interface EntryTrace {
  readonly seq: number;
  readonly live: LivePushes[];
  readonly steps: Step[];
}

/** The listener that remembers what happened. */
export class DeliveryTrace implements DeliveryListener {
  readonly #limits: DeliveryTraceLimits;
  /** By seq: the messages that were for somebody. */
  readonly #traced = new Map<number, EntryTrace>();
  /** The same, the oldest first. Finding the first entry of a map takes longer after many deletions. */
  readonly #inOrder = new Fifo<EntryTrace>();
  readonly #past = { users: new Fifo<Past>(), guests: new Fifo<Past>() };
  #steps = 0;
  /** The steps of messages before this seq may have been forgotten. */
  #forgottenUntil = 0;
  /** Messages before this seq were read while the instance started, and pushed to nobody. */
  #filledUntil = 0;

  constructor(limits: DeliveryTraceLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Notes that the instance is ready: messages from this seq on are pushed. */
  filled(seq: number): void {
    this.#filledUntil = seq;
  }

  sent({ seq }: Entry, pushes: LivePushes): void {
    const trace = this.#traced.get(seq);
    if (trace) trace.live.push(pushes);
    else this.#begin({ seq, live: [pushes], steps: [] });
    this.#grow(pushes.sessions.length);
  }

  stepped({ seq }: Entry, step: OwnStep): void {
    const trace = this.#traced.get(seq);
    if (trace) trace.steps.push(step);
    else this.#begin({ seq, live: [], steps: [step] });
    this.#grow(1);
  }

  resynced(resync: Resync): void {
    this.#remember(resync);
  }

  ended(end: End): void {
    this.#remember(end);
  }

  /** Forgets the messages that have left the window, which begins at this seq. */
  trim(firstSeq: number): void {
    for (let oldest = this.#inOrder.first; oldest; oldest = this.#inOrder.first) {
      if (oldest.seq >= firstSeq) return;
      this.#forgetOldest(oldest);
    }
  }

  /** Whether the steps of a message were forgotten because there were too many. */
  isForgotten({ seq }: Entry): boolean {
    return seq < this.#forgottenUntil && !this.#traced.has(seq);
  }

  /** Whether a message was read while the instance started, and pushed to nobody. */
  isFilled({ seq }: Entry): boolean {
    return seq < this.#filledUntil;
  }

  /**
   * Finds the steps of a message, a list for each recipient for which the condition holds. They may be
   * many, so it rests in between.
   *
   * @param options.limit The most lists; `count` includes all recipients
   */
  *recipientsOf(
    { seq }: Entry,
    isWanted: (recipient: Recipient) => boolean,
    { limit }: { limit: number },
  ): Generator<void, { count: number; steps: Step[][] }> {
    const { live = [], steps: own = [] } = this.#traced.get(seq) ?? {};
    const steps: Step[][] = [];
    let count = 0;
    let seen = 0;
    for (const { subscription, sessions, at } of live) {
      for (const session of sessions) {
        if (++seen % STEPS_BETWEEN_RESTS === 0) yield;
        if (!isWanted({ session, subscription })) continue;
        if (++count <= limit) steps.push([{ session, subscription, what: "sent", at }]);
      }
    }
    const lists = new Map<string, Step[]>();
    const others = new Set<string>();
    const room = limit - steps.length;
    for (const step of own) {
      if (++seen % STEPS_BETWEEN_RESTS === 0) yield;
      if (!isWanted(step)) continue;
      const { session, subscription } = step;
      // Mostly all are of one subscription. Many new strings would take long to make.
      const key = subscription === own[0]?.subscription ? session : `${session} ${subscription}`;
      const list = lists.get(key);
      if (list) list.push(step);
      else if (lists.size < room) lists.set(key, [step]);
      else others.add(key);
    }
    steps.push(...lists.values());
    count += lists.size + others.size;
    return { count, steps };
  }

  /** Everything that is over: first of users, then of guests, each with the oldest first. */
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

  #remember(past: Past): void {
    const ring = past.user === null ? this.#past.guests : this.#past.users;
    ring.push(past);
    if (ring.length > this.#limits.maxPast) ring.shift();
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
      this.#forgetOldest(oldest);
    }
  }

  #forgetOldest({ seq, live, steps }: EntryTrace): void {
    this.#inOrder.shift();
    this.#traced.delete(seq);
    this.#steps -= steps.length;
    for (const { sessions } of live) this.#steps -= sessions.length;
  }
}

/** The part of a target that is remembered. It is small, even if a client names long types. */
export function briefOf(target: Target | CountTarget): BriefTarget {
  const { id, resource } = target;
  if (target.resource === "schedule") return { id, resource };
  const types = target.where.types.slice(0, MAX_TYPES)
    // A part of a long string would keep the whole string in memory.
    .map((type) => type.length > MAX_TYPE_LENGTH ? "…" : type);
  const { status } = target.resource === "count" ? target.where : {};
  return { id, resource, types, ...(status && { status }) };
}

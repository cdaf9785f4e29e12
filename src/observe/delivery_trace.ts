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

/** What happened to a message, if it was more than one push to one or many sessions. */
class EntryTrace {
  readonly live: LivePushes[] = [];
  readonly steps: Step[] = [];
}

/** What is remembered of a message. Most are pushed once, which then is all. */
type Traced = EntryTrace | LivePushes;

/** The listener that remembers what happened. */
export class DeliveryTrace implements DeliveryListener {
  readonly #limits: DeliveryTraceLimits;
  /** By seq, from {@linkcode #firstSeq} on: the messages; `null` for one that was for nobody. */
  readonly #traced = new Fifo<Traced | null>();
  /** Nothing is remembered of messages before this seq: they have left the window, or were forgotten. */
  #firstSeq = 0;
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
    if (seq < this.#firstSeq) return;
    const before = this.#at(seq);
    if (before) this.#more(seq, before).live.push(pushes);
    else this.#set(seq, pushes);
    this.#grow(pushes.sessions.length);
  }

  stepped({ seq }: Entry, step: OwnStep): void {
    if (seq < this.#firstSeq) return;
    this.#more(seq, this.#at(seq)).steps.push(step);
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
    while (this.#firstSeq < firstSeq && this.#traced.length > 0) this.#forgetOldest();
    this.#firstSeq = Math.max(this.#firstSeq, firstSeq);
  }

  /** Whether steps of a message were forgotten because there were too many. */
  isForgotten({ seq }: Entry): boolean {
    return seq < this.#forgottenUntil;
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
    const traced = this.#at(seq);
    const { live, steps: own } = traced instanceof EntryTrace ? traced : {
      live: traced ? [traced] : [],
      steps: [],
    };
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

  #at(seq: number): Traced | null | undefined {
    return this.#traced.at(seq - this.#firstSeq);
  }

  #set(seq: number, traced: Traced): void {
    const index = seq - this.#firstSeq;
    while (this.#traced.length < index) this.#traced.push(null);
    if (this.#traced.length === index) this.#traced.push(traced);
    else this.#traced.set(index, traced);
  }

  /** The trace of a message to which something more happens. */
  #more(seq: number, before: Traced | null | undefined): EntryTrace {
    if (before instanceof EntryTrace) return before;
    const trace = new EntryTrace();
    if (before) trace.live.push(before);
    this.#set(seq, trace);
    return trace;
  }

  #grow(steps: number): void {
    this.#steps += steps;
    if (this.#steps <= this.#limits.maxSteps) return;
    while (this.#steps > this.#limits.maxSteps) this.#forgetOldest();
    this.#forgottenUntil = this.#firstSeq;
  }

  #forgetOldest(): void {
    const oldest = this.#traced.first;
    this.#traced.shift();
    this.#firstSeq++;
    if (!oldest) return;
    if (!(oldest instanceof EntryTrace)) {
      this.#steps -= oldest.sessions.length;
      return;
    }
    this.#steps -= oldest.steps.length;
    for (const { sessions } of oldest.live) this.#steps -= sessions.length;
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

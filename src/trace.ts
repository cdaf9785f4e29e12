/**
 * What became of messages, for whom, and why not for others: what an operator is told at `/why`. It
 * is bounded, and has ids only, never a payload or a token. Pushes are counted here as well.
 */
import { messageTypeOf } from "./addressing.ts";
import { Fifo } from "./fifo.ts";
import type { Entry } from "./log_window.ts";
import type { Metrics } from "./metrics.ts";
import type { Target } from "./subscription_id.ts";

/** Pushes that are remembered; those of the oldest messages are forgotten first. */
const MAX_STEPS = 200_000;
/** Sessions, logins and subscriptions that are over and are remembered, and resyncs. */
const MAX_PAST = 20_000;

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

/** Something that is over, from and to in milliseconds since 1970. */
export type Past =
  & { readonly session: string; readonly to: number; readonly why: string }
  & (
    | { readonly kind: "session"; readonly endpoint: string; readonly from: number }
    | { readonly kind: "login"; readonly user: string; readonly from: number }
    | {
      readonly kind: "subscription";
      readonly user: string | null;
      readonly target: Target;
      readonly from: number;
    }
    | { readonly kind: "resync"; readonly subscription: string }
  );

/** Why a subscription was told to begin anew. */
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
  /** Those of the window that somebody got, or was to get, the oldest first. */
  readonly #traced = new Map<number, EntryTrace>();
  readonly #past = new Fifo<Past>();
  #steps = 0;

  constructor(metrics: Pick<Metrics, "pushes" | "pushSeconds" | "resyncs">) {
    this.#metrics = metrics;
  }

  /** A message was handed to the sockets of these sessions, as soon as it was read. */
  sent(entry: Entry, subscription: string, sessions: readonly string[]): void {
    if (sessions.length === 0) return;
    const type = messageTypeOf(entry.delivery.to);
    const at = Date.now();
    this.#metrics.pushes.inc({ type, kind: "live" }, sessions.length);
    const seconds = this.#metrics.pushSeconds.labels(type);
    const delay = secondsSince(entry, at);
    for (let i = 0; i < sessions.length; i++) seconds.observe(delay);
    this.#of(entry).live.push({ subscription, sessions, at });
    this.#grow(sessions.length);
  }

  /** Something else became of a message. */
  note(entry: Entry, recipient: Recipient, what: Exclude<What, "sent">): void {
    const at = Date.now();
    if (what === "caught up" || what === "reloaded") {
      const type = messageTypeOf(entry.delivery.to);
      this.#metrics.pushes.inc({ type, kind: what === "reloaded" ? "reload" : "caught_up" });
      this.#metrics.pushSeconds.labels(type).observe(secondsSince(entry, at));
    }
    this.#of(entry).steps.push({ ...recipient, what, at });
    this.#grow(1);
  }

  /** A session was told something that is of no message. */
  announced(
    type: "stream" | "server" | "authentication",
    kind: "live" | "degraded" | "reconnect" | "unauthorized",
  ): void {
    this.#metrics.pushes.inc({ type, kind });
  }

  /** A subscription was told to begin anew, or its list was fetched again for that. */
  resynced({ session, subscription }: Recipient, why: ResyncReason): void {
    this.#metrics.resyncs.inc({ reason: why.replaceAll(" ", "_") });
    this.over({ kind: "resync", session, subscription, to: Date.now(), why });
  }

  /** Something is over. */
  over(past: Past): void {
    this.#past.push(past);
    if (this.#past.length > MAX_PAST) this.#past.shift();
  }

  /** Forgets messages that have left the window, which begins at this seq. */
  trim(firstSeq: number): void {
    for (const trace of this.#traced.values()) {
      if (trace.seq >= firstSeq) return;
      this.#forget(trace);
    }
  }

  /** All that became of a message; nothing where that was nothing, or is forgotten. */
  stepsOf({ seq }: Entry): Step[] {
    const trace = this.#traced.get(seq);
    if (!trace) return [];
    const sent = trace.live.flatMap(({ subscription, sessions, at }) =>
      sessions.map((session): Step => ({ session, subscription, what: "sent", at }))
    );
    return [...sent, ...trace.steps];
  }

  /** All that is over, the oldest first. */
  *past(): Generator<Past> {
    for (let i = 0; i < this.#past.length; i++) {
      const past = this.#past.at(i);
      if (past) yield past;
    }
  }

  /** How many steps are remembered. */
  get size(): number {
    return this.#steps;
  }

  #of({ seq }: Entry): EntryTrace {
    let trace = this.#traced.get(seq);
    if (!trace) {
      trace = { seq, live: [], steps: [] };
      this.#traced.set(seq, trace);
    }
    return trace;
  }

  #grow(steps: number): void {
    this.#steps += steps;
    for (const trace of this.#traced.values()) {
      if (this.#steps <= MAX_STEPS) return;
      this.#forget(trace);
    }
  }

  #forget({ seq, live, steps }: EntryTrace): void {
    this.#traced.delete(seq);
    this.#steps -= steps.length;
    for (const { sessions } of live) this.#steps -= sessions.length;
  }
}

/** A producer's clock may be ahead of this machine's. */
function secondsSince({ timestamp }: Entry, now: number): number {
  return Math.max(0, now - timestamp) / 1000;
}

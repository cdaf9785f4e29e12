/**
 * The events of deliveries: what happens to messages on their way to subscriptions, and to the sessions
 * of these subscriptions. `sessions/` reports each event once, here; metrics and the delivery trace
 * listen.
 */
import type { GapReason } from "../log/read_position.ts";
import type { Entry } from "../log/window.ts";
import type { CountTarget, NotificationStatus, Target } from "../protocol/target.ts";

/** A subscription of a session, by their ids. */
export interface Recipient {
  readonly session: string;
  readonly subscription: string;
}

/** What happened to a message for one subscription. */
export type What =
  /** The push was handed to the socket as soon as the message was read. */
  | "sent"
  /** The push waits: too much is unsent to queue anything more. */
  | "held back: the client is behind"
  /** The push waits: a list or a reload is under way, or earlier messages are still being sent. */
  | "held back: catching up"
  /** The push was handed to the socket later, or to a client that has resumed. */
  | "caught up"
  /** The cursor from which the client has resumed names a later place. */
  | "the client has it already"
  /** The list is being fetched again. */
  | "reload asked"
  /** The list that was fetched again was handed to the socket. */
  | "reloaded"
  | "reload failed"
  /** A list that was requested later includes it. */
  | "in a later list"
  /** The count is asked for again (COUNT2). */
  | "counted again";

/** One step of a message on its way to a subscription. */
export interface Step extends Recipient {
  readonly what: What;
  /** In milliseconds since 1970. */
  readonly at: number;
}

/** A step that concerns one subscription alone. */
export type OwnStep = Step & { readonly what: Exclude<What, "sent"> };

/** The step `sent` of all sessions that got the same push. They are one object, because they may be many. */
export interface LivePushes {
  readonly subscription: string;
  readonly sessions: readonly string[];
  /** In milliseconds since 1970. */
  readonly at: number;
}

/** Why a subscription had to begin anew. */
export type ResyncReason = GapReason | "reload failed";

/** The part of a subscription's target that operators see. */
export interface BriefTarget {
  readonly id: string;
  readonly resource: (Target | CountTarget)["resource"];
  /** The types of notifications. Empty means every type. */
  readonly types?: readonly string[];
  /** Of a count. */
  readonly status?: NotificationStatus;
}

/** Something that is over. Times are in milliseconds since 1970. */
export type Past =
  & {
    readonly session: string;
    /** The user's id; `null` for a guest. */
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

/** The end of a session, a login or a subscription. */
export type End = Exclude<Past, { kind: "resync" }>;

/** A subscription that began anew. */
export type Resync = Extract<Past, { kind: "resync" }> & { readonly why: ResyncReason };

/** An observer of deliveries. It has a method for each kind of event that it observes. */
export interface DeliveryListener {
  /** A message was sent to sessions as soon as it was read. */
  sent?(entry: Entry, pushes: LivePushes): void;
  /** Something else happened to a message, for one subscription. */
  stepped?(entry: Entry, step: OwnStep): void;
  /** A subscription had to begin anew: its client got a `resync`, or the list in place of it. */
  resynced?(resync: Resync): void;
  /** A session got a push that belongs to no message. */
  announced?(push: Announcement): void;
  /** A session, a login or a subscription has ended. */
  ended?(end: End): void;
}

/** A push that belongs to no message. */
export interface Announcement {
  readonly type: "stream" | "server" | "authentication" | "count";
  readonly kind: "live" | "degraded" | "reconnect" | "unauthorized" | "update";
}

/** Passes each event on to all listeners. */
export class Deliveries implements Required<DeliveryListener> {
  readonly #listeners: readonly DeliveryListener[];

  constructor(listeners: readonly DeliveryListener[]) {
    this.#listeners = listeners;
  }

  sent(entry: Entry, pushes: LivePushes): void {
    for (const listener of this.#listeners) listener.sent?.(entry, pushes);
  }

  stepped(entry: Entry, step: OwnStep): void {
    for (const listener of this.#listeners) listener.stepped?.(entry, step);
  }

  resynced(resync: Resync): void {
    for (const listener of this.#listeners) listener.resynced?.(resync);
  }

  announced(push: Announcement): void {
    for (const listener of this.#listeners) listener.announced?.(push);
  }

  ended(end: End): void {
    for (const listener of this.#listeners) listener.ended?.(end);
  }
}

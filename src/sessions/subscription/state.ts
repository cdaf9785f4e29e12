/**
 * The states of a subscription, and what it needs of the parts around it.
 *
 * A subscription is live, or it has a position of its own in the window, from which it is served until
 * it reaches the live end. These invariants hold:
 *
 * 1. Records of one partition are pushed in the order of the log, each at most once (DEL1). The client
 *    has everything before `#dueFrom` if the subscription is live, else everything before its position.
 * 2. While a command's list or a reload is under way, no record is pushed (DEL2).
 * 3. A subscription may leave the live end during the delivery of a record. If it has not got that record,
 *    its position is in front of it.
 * 4. A subscription that is not live proceeds later: when its list is there, when there is room in the
 *    outbox, when another record was read, or in the next turn of the event loop.
 * 5. If a record can't be sent any more, the client gets a list or a `resync` before anything that follows.
 * 6. A client that still needs a list gets no cursor of a place behind that list (DEL6). Nor does one that
 *    is still to be told of a loss.
 * 7. An ended subscription sends nothing (SUB1).
 */
import type { KeptList } from "../../backend/lists.ts";
import type { Positions } from "../../log/cursor.ts";
import type { Loss } from "../../log/loss.ts";
import { ReadPosition } from "../../log/read_position.ts";
import type { Stream } from "../../log/stream.ts";
import type { Entry } from "../../log/window.ts";
import type { ResyncReason } from "../../observe/deliveries.ts";
import type { Target } from "../../protocol/target.ts";
import type { Pushes, ReloadReason, Subscriber } from "../pushes.ts";

/** What a subscription does at the moment. */
export type SubscriptionState =
  /** Each record is pushed as soon as it is read. */
  | typeof LIVE
  /** A list that a command asked for is under way (DEL2). `then` follows once it is out. */
  | { readonly state: "held"; readonly then: Behind }
  | Behind
  | typeof ENDED;

/** The states of a subscription that has a position of its own. */
export type Behind =
  /** The window is being read from the position on, in as many time slices as that takes. */
  | { readonly state: "reading"; readonly position: ReadPosition }
  /** There is no room in the outbox to read on, or for the list of a reload (SLOW1). */
  | {
    readonly state: "full";
    readonly position: ReadPosition;
    readonly reload: ReloadReason | null;
  }
  /** The list is being fetched again (KAF3). */
  | { readonly state: "reloading"; readonly position: ReadPosition; readonly reload: ReloadReason }
  /** Something after the position can't be sent any more. The client is told once there is room. */
  | { readonly state: "lost"; readonly position: ReadPosition; readonly why: ResyncReason };

/** What a client is still to get because it has missed something. Until then, it gets other pushes. */
export interface Debt {
  /** A cursor in front of what it has missed: a client that resumes there gets a list (DEL6). */
  readonly cursor: string;
  /** The list that it gets, because it does not know `resync` (NET5); `null` if it gets none. */
  readonly list: ReloadReason | null;
  /**
   * If it gets a `resync`, but may have to wait for it (KAF9): the seq of the loss in the window. A list
   * that is requested later includes what was lost.
   */
  readonly resyncFor: number | null;
}

/** Whether a client is still to get a `resync`. */
export function hasResyncDue(debt: Debt | null): boolean {
  return debt !== null && debt.resyncFor !== null;
}

/** What a loss means to a subscription. */
export type LossKind =
  /** Its client is told as soon as possible (DEL12, DEL13). */
  | "told"
  /** Its client needs a `resync`, which waits for a loss that is `due` (KAF9). */
  | "owed"
  /** Its client gets the `resync` that it needs, if any, as soon as possible (KAF9). */
  | "due";

/** A loss, as subscriptions take it. */
export interface LossNews {
  readonly kind: LossKind;
  /** The number of losses so far. */
  readonly number: number;
  /** The loss; the last one if several that are owed have become one. */
  readonly loss: Loss;
  /** By partition, the offsets from which to which all of them go; the same twice where nothing is lost. */
  readonly before: Positions;
  readonly after: Positions;
  /** The debt of a live subscription that has no other one. All of them share it, with its cursor. */
  readonly ofLive: Debt;
}

/** What is left of a debt after a list that was requested when the window ended at `seq`. */
export function debtAfterList(debt: Debt | null, seq: number): Debt | null {
  if (!debt || debt.resyncFor === null || debt.resyncFor < seq) return null;
  return { ...debt, list: null };
}

/** What is left of a debt when its `resync` goes out. */
export function debtWithoutResync(debt: Debt | null): Debt | null {
  return debt?.list ? { ...debt, resyncFor: null } : null;
}

/** Most subscriptions are live, so this state takes no memory of its own. */
export const LIVE = { state: "live" } as const;
/** The last state. */
export const ENDED = { state: "ended" } as const;

/** The state that has the position; `null` if there is none. */
export function behindOf(state: SubscriptionState): Behind | null {
  switch (state.state) {
    case "live":
    case "ended":
      return null;
    case "held":
      return state.then;
    case "reading":
    case "full":
    case "reloading":
    case "lost":
      return state;
  }
}

/** The record because of which the list is fetched again; `null` if there is none. */
export function reloadEntryOf(behind: Behind | null): Entry | null {
  return behind && "reload" in behind ? behind.reload?.entry ?? null : null;
}

/** Whether a list is under way, which goes out before anything else. */
export function isListUnderWay({ state }: SubscriptionState): boolean {
  return state === "held" || state === "reloading";
}

/** The parts of the service that all subscriptions use. `S` is the subscription. */
export interface SubscriptionParts<S> {
  readonly stream: Stream;
  readonly losses: {
    /** How many losses there were. */
    readonly count: number;
    /** The losses for a subscription that has taken this many, the oldest first. */
    after(count: number): readonly LossNews[];
  };
  readonly pushes: Pushes;
  readonly fanOut: {
    /** The record that is being delivered, if it is for a target and its seq is not before `dueFrom`. */
    undelivered(target: Target, dueFrom: number): Entry | null;
  };
  readonly reloads: {
    /** Fetches the list again, and calls `reloaded`. */
    request(subscription: S): void;
    /** Calls `reloadByItself` after some seconds. */
    requestLater(subscription: S): void;
    /** Takes back both. */
    cancel(subscription: S): void;
    /** Makes a waiting request use the session's new token. */
    renew(subscription: S): void;
  };
  readonly catchUpQueue: {
    /**
     * Pushes what the window has for a subscription, from its position on.
     *
     * @returns The state that follows; `null` if it reads on later, when `proceed` is called
     */
    read(subscription: S, position: ReadPosition): SubscriptionState | null;
    /** Whether there is no room in the outbox. If so, `proceed` is called once there is. */
    waitsForRoom(subscription: S): boolean;
    /** Calls `proceed` in a later turn. */
    proceedLater(subscription: S): void;
    /** Does not call `proceed` any more. */
    remove(subscription: S): void;
  };
}

/** The state with which a live subscription leaves the live end: in front of what it has not got. */
export function leaveLiveEnd(
  target: Target,
  { parts: { stream, fanOut }, dueFrom }: {
    parts: Pick<SubscriptionParts<unknown>, "stream" | "fanOut">;
    dueFrom: number;
  },
): Behind {
  const position = new ReadPosition(stream.liveEnd);
  const undelivered = fanOut.undelivered(target, dueFrom);
  if (undelivered) position.goBackTo(undelivered);
  return { state: "reading", position };
}

/** What a subscription begins with. */
export interface SubscriptionOptions<S> {
  readonly subscriber: Subscriber;
  readonly list: KeptList;
  readonly parts: SubscriptionParts<S>;
}

/** Why a subscription or a login has ended. Operators read it at `/why`. */
export type EndReason =
  | "unsubscribed"
  | "its list failed"
  | "logged out"
  | "logged in as another user"
  | "token refused, or a logout message"
  | "the connection ended";

/**
 * The states of a subscription, and what it needs of the parts around it.
 */
import type { ListRequest } from "../backend/backend.ts";
import type { ReadPosition } from "../log/read_position.ts";
import type { Stream } from "../log/stream.ts";
import type { Entry } from "../log/window.ts";
import type { ResyncReason } from "../observe/deliveries.ts";
import type { Target } from "../protocol/target.ts";
import type { Pushes, ReloadReason, Subscriber } from "./pushes.ts";

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

/** The parts of the service that all subscriptions use. `S` is the subscription. */
export interface SubscriptionParts<S> {
  readonly stream: Stream;
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
    /** Does not call `proceed` any more. */
    remove(subscription: S): void;
  };
}

/** What a subscription begins with. */
export interface SubscriptionOptions<S> {
  readonly subscriber: Subscriber;
  readonly list: ListRequest;
  readonly parts: SubscriptionParts<S>;
}

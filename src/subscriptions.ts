/**
 * One session's subscription: where pushes are held back while a list is under way, so that no list
 * overtakes a newer push (DEL2). Stands between `sessions`, which finds it, and the session's socket.
 */
import type { ListRequest } from "./backend.ts";
import type { Target } from "./subscription_id.ts";

/** What a subscription needs of the session that it belongs to. */
export interface Subscriber {
  /** The session's token, as a reload needs it (KAF3). */
  readonly token: string | null;
  send(frame: string): void;
}

/** A place in a subscription's order of pushes, taken by a list or a reload that is under way. */
export interface Hold {
  /** Lets go, once: sends the frame, if any, in its place, then what was held back behind it. */
  release(frame?: string): void;
}

interface Place extends Hold {
  frame: string | undefined;
  released: boolean;
  onEnd: (() => void) | undefined;
}

/** A session's subscription to a {@linkcode Target}. */
export class Subscription {
  readonly target: Target;
  readonly subscriber: Subscriber;
  /** What a reload asks for: the latest list that was answered, less its `skip` (KAF3). */
  list: ListRequest;
  #ended = false;
  /** Frames and the places of lists under way, in the order in which they go out. */
  #queue: (string | Place)[] = [];

  constructor(target: Target, { subscriber, list }: { subscriber: Subscriber; list: ListRequest }) {
    this.target = target;
    this.subscriber = subscriber;
    this.list = list;
  }

  /** Sends a push, behind what is held back. */
  push(frame: string): void {
    if (this.#ended) return;
    if (this.#queue.length === 0) this.subscriber.send(frame);
    else this.#queue.push(frame);
  }

  /**
   * Holds back every push from here on until the place is released.
   *
   * @param onEnd Called where the subscription ends before that
   */
  hold(onEnd?: () => void): Hold {
    const place: Place = {
      frame: undefined,
      released: false,
      onEnd,
      release: (frame) => {
        place.frame = frame;
        place.released = true;
        this.#drain();
      },
    };
    this.#queue.push(place);
    return place;
  }

  /** Nothing is sent after this (SUB1). */
  end(): void {
    this.#ended = true;
    const queue = this.#queue;
    this.#queue = [];
    for (const item of queue) if (typeof item !== "string" && !item.released) item.onEnd?.();
  }

  #drain(): void {
    let sent = 0;
    for (const item of this.#queue) {
      if (typeof item !== "string" && !item.released) break;
      const frame = typeof item === "string" ? item : item.frame;
      if (frame !== undefined) this.subscriber.send(frame);
      sent++;
    }
    this.#queue.splice(0, sent);
  }
}

/**
 * Moves on the subscriptions that are not live: they read the window in time slices, and continue in a
 * later turn of the event loop, after another record was read, or once there is room in the outbox.
 */
import { setImmediate } from "node:timers/promises";
import type { ReadPosition } from "../log/read_position.ts";
import type { Stream } from "../log/stream.ts";
import { FRAME_COST, KEPT_COST, TimeSlice } from "../util/time_slice.ts";
import type { Pushes } from "./pushes.ts";
import type { Subscription } from "./subscription.ts";
import { LIVE, type SubscriptionState } from "./subscription/state.ts";

/** All subscriptions of an instance that are not live and have something to wait for. */
export class CatchUpQueue {
  readonly #stream: Stream;
  readonly #pushes: Pushes;
  readonly #slice = new TimeSlice();
  /** Subscriptions that proceed in a later turn, in this order. */
  readonly #later = new Set<Subscription>();
  /** Subscriptions that proceed after another record was read. */
  readonly #ahead = new Set<Subscription>();
  /** Subscriptions that proceed once there is room. */
  readonly #full = new Set<Subscription>();
  #isRunning = false;

  constructor({ stream, pushes }: { stream: Stream; pushes: Pushes }) {
    this.#stream = stream;
    this.#pushes = pushes;
  }

  /**
   * Pushes what the window has for a subscription from its position on, until there is no room, the time
   * slice is used up, or nothing is left.
   *
   * @returns The state that follows; `null` if the subscription proceeds later
   */
  read(subscription: Subscription, position: ReadPosition): SubscriptionState | null {
    const { target, since, subscriber: { outbox, knowsBatches } } = subscription;
    const { window } = this.#stream;
    const cost = knowsBatches ? KEPT_COST : FRAME_COST;
    for (const entry of window.entriesFor(target, position.seq)) {
      position.seq = entry.seq;
      if (!outbox.hasRoom) return { state: "full", position, reload: null };
      if (!this.#slice.take(cost)) {
        this.proceedLater(subscription);
        return null;
      }
      const use = position.pass(entry, { target, window });
      if (use === "reload") {
        return { state: "full", position, reload: { entry, inPlaceOfResync: null } };
      }
      if (use === "of another log") return { state: "lost", position, why: "log cut back" };
      if (use === "update") this.#pushes.update(subscription, entry);
      // A client that has resumed from a cursor has most of what was read before.
      if (use !== "had" || entry.readAt >= since) {
        this.#pushes.note(subscription, { entry, what: STEPS[use] });
      }
    }
    position.seq = window.nextSeq;
    if (!this.#stream.isAhead(position.served)) return LIVE;
    this.#ahead.add(subscription);
    return null;
  }

  /** Whether there is no room in the outbox. If so, the subscription proceeds once there is. */
  waitsForRoom(subscription: Subscription): boolean {
    const { outbox } = subscription.subscriber;
    if (outbox.hasRoom) return false;
    if (this.#full.has(subscription)) return true;
    this.#full.add(subscription);
    outbox.whenRoom(() => {
      if (this.#full.delete(subscription)) this.proceedLater(subscription);
    });
    return true;
  }

  /** Moves on the subscriptions that waited for a record to be read. */
  onRead(): void {
    if (this.#ahead.size === 0) return;
    for (const subscription of this.#ahead) this.proceedLater(subscription);
    this.#ahead.clear();
  }

  /** Has a subscription proceed in a later turn. */
  proceedLater(subscription: Subscription): void {
    this.#later.add(subscription);
    if (!this.#isRunning) this.#run();
  }

  /** Forgets a subscription: it does not proceed any more. */
  remove(subscription: Subscription): void {
    this.#later.delete(subscription);
    this.#ahead.delete(subscription);
    this.#full.delete(subscription);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      await setImmediate();
      // A subscription that is not done is added again, behind all others.
      for (const subscription of this.#later) {
        const nextTurn = this.#slice.spend(KEPT_COST);
        if (nextTurn) await nextTurn;
        if (this.#later.delete(subscription)) subscription.proceed();
      }
    } finally {
      // Also after a defect in one subscription, so that later ones still start it.
      this.#isRunning = false;
    }
  }
}

const STEPS = {
  had: "the client has it already",
  update: "caught up",
  "in a later list": "in a later list",
} as const;

/**
 * All subscriptions to counts, and the reasons to ask for them again (COUNT2).
 */
import type { Addressees } from "../../log/addressing.ts";
import type { Entry } from "../../log/window.ts";
import { type CountTarget, notificationTarget } from "../../protocol/target.ts";
import { MultiMap } from "../../util/multi_map.ts";
import { FRAME_COST, TimeSlice } from "../../util/time_slice.ts";
import type { Channels } from "../channels.ts";
import {
  type CountParts,
  CountSubscription,
  type CountSubscriptionOptions,
} from "./count_subscription.ts";

/** The counts of an instance, found by what may change them. */
export class Counts {
  readonly #parts: CountParts;
  readonly #channels: Pick<Channels, "members">;
  readonly #byUser = new MultiMap<CountSubscription>();
  /** By their own ids, and by those of the notifications that they count. */
  readonly #byId = new MultiMap<CountSubscription>();
  readonly #slice = new TimeSlice({ pauses: true });

  constructor(parts: CountParts, channels: Pick<Channels, "members">) {
    this.#parts = parts;
    this.#channels = channels;
  }

  /** How many keys there are; 0 if there are no counts. */
  get keyCount(): number {
    return this.#byUser.size + this.#byId.size;
  }

  /** Makes the subscription of a session. Nothing asks for it again until {@linkcode add}. */
  make(
    target: CountTarget,
    options: Omit<CountSubscriptionOptions, "parts">,
  ): CountSubscription {
    return new CountSubscription(target, { ...options, parts: this.#parts });
  }

  add(count: CountSubscription): void {
    this.#byUser.add(count.target.where.userId, count);
    for (const id of idsOf(count.target)) this.#byId.add(id, count);
  }

  remove(count: CountSubscription): void {
    this.#byUser.delete(count.target.where.userId, count);
    for (const id of idsOf(count.target)) this.#byId.delete(id, count);
  }

  /** The counts with this id. A session has at most one of them. */
  withId(id: string): CountSubscription[] {
    return [...this.#byId.get(id)].filter(({ target }) => target.id === id);
  }

  /** Asks for all counts of a user again. */
  askOfUser(user: string): void {
    this.#ask(this.#byUser.get(user));
  }

  /** Asks for those counts again that a message may have changed. */
  askAfter(entry: Entry): void {
    if (this.#byUser.size > 0) this.#ask(this.#concernedBy(entry.delivery.to), entry);
  }

  /** Asks for counts again. They may be many, so that takes several time slices. */
  async #ask(counts: Iterable<CountSubscription>, entry?: Entry): Promise<void> {
    for (const count of counts) {
      const nextTurn = this.#slice.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      count.ask();
      if (!entry) continue;
      const [session, subscription] = [count.subscriber.id, count.target.id];
      const step = { session, subscription, what: "counted again", at: Date.now() } as const;
      this.#parts.deliveries.stepped(entry, step);
    }
  }

  #concernedBy(to: Addressees): Iterable<CountSubscription> {
    switch (to.by) {
      case "user":
        return [...this.#byUser.get(to.user)].filter(({ target: { where: { types } } }) =>
          types.length === 0 || types.includes(to.type)
        );
      case "subscription": {
        const found = new Set<CountSubscription>();
        for (const id of to.ids) {
          for (const count of this.#byId.get(id)) found.add(count);
          // The notifications of a user to which somebody here is subscribed.
          const [first] = this.#channels.members(id);
          if (first?.target.resource !== "notification") continue;
          for (const count of this.#byUser.get(first.target.where.userId)) found.add(count);
        }
        return found;
      }
      case "resource":
        return [];
    }
  }
}

/** The ids in messages that concern a count, whatever else there is. */
function idsOf({ id, where }: CountTarget): readonly string[] {
  return [id, notificationTarget(where).id];
}

/**
 * All subscriptions to counts, and the reasons to ask for them again (COUNT2).
 */
import type { Addressees } from "../../log/addressing.ts";
import type { Entry } from "../../log/window.ts";
import { type CountTarget, notificationTarget } from "../../protocol/target.ts";
import { MultiMap } from "../../util/multi_map.ts";
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

  constructor(parts: CountParts, channels: Pick<Channels, "members">) {
    this.#parts = parts;
    this.#channels = channels;
  }

  /** How many keys there are; 0 if there are no counts. */
  get keyCount(): number {
    return this.#byUser.size + this.#byId.size;
  }

  /** Makes the subscription of a session. */
  open(
    target: CountTarget,
    options: Omit<CountSubscriptionOptions, "parts">,
  ): CountSubscription {
    const count = new CountSubscription(target, { ...options, parts: this.#parts });
    this.#byUser.add(target.where.userId, count);
    for (const id of idsOf(target)) this.#byId.add(id, count);
    return count;
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
    for (const count of this.#byUser.get(user)) count.ask();
  }

  /** Asks for those counts again that a message may have changed. */
  askAfter(entry: Entry): void {
    if (this.#byUser.size === 0) return;
    for (const count of this.#concernedBy(entry.delivery.to)) {
      count.ask();
      const { target: { id: subscription }, subscriber: { id: session } } = count;
      this.#parts.deliveries.stepped(entry, {
        session,
        subscription,
        what: "counted again",
        at: Date.now(),
      });
    }
  }

  #concernedBy(to: Addressees): Iterable<CountSubscription> {
    switch (to.by) {
      case "user":
        return [...this.#byUser.get(to.user)].filter(({ target: { where: { types } } }) =>
          types.length === 0 || types.includes(to.type)
        );
      case "subscription":
        return new Set(to.ids.flatMap((id) => [...this.#byId.get(id), ...this.#ofUserOf(id)]));
      case "resource":
        return [];
    }
  }

  /** The counts of the user to whose notifications somebody is subscribed by this id. */
  #ofUserOf(id: string): Iterable<CountSubscription> {
    const [first] = this.#channels.members(id);
    return first?.target.resource === "notification"
      ? this.#byUser.get(first.target.where.userId)
      : [];
  }
}

/** The ids in messages that concern a count, whatever else there is. */
function idsOf({ id, where }: CountTarget): readonly string[] {
  return [id, notificationTarget(where).id];
}

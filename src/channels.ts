/**
 * Finds subscriptions by what messages address. Its cost for a message is that of whom it is for.
 */
import { type Addressees, isFor, keysOfAddressees, keysOfTarget } from "./addressing.ts";
import { MultiMap } from "./multi_map.ts";
import type { Target } from "./subscription_id.ts";
import type { Subscription } from "./subscriptions.ts";

/** The subscriptions of all sessions to one target: they get the same frames. */
export interface Channel {
  readonly target: Target;
  readonly members: ReadonlySet<Subscription>;
}

/** The channels of an instance; one without members is no more. */
export class Channels {
  /** By the ids of their targets. */
  readonly #members = new MultiMap<Subscription>();
  /** Ids of targets, by their other key. */
  readonly #ids = new MultiMap<string>();

  /** By how many keys something is to be found. */
  get keyCount(): number {
    return this.#members.size + this.#ids.size;
  }

  add(subscription: Subscription): void {
    const { target } = subscription;
    const [, key] = keysOfTarget(target);
    this.#members.add(target.id, subscription);
    this.#ids.add(key, target.id);
  }

  remove(subscription: Subscription): void {
    const { target } = subscription;
    const [, key] = keysOfTarget(target);
    this.#members.delete(target.id, subscription);
    if (!this.#members.has(target.id)) this.#ids.delete(key, target.id);
  }

  /** Who is subscribed to the target of that id. */
  members(id: string): ReadonlySet<Subscription> {
    return this.#members.get(id);
  }

  /** The channels that a message is for. */
  *addressedBy(to: Addressees): Iterable<Channel> {
    for (const id of this.#idsOf(to)) {
      const members = this.#members.get(id);
      const [first] = members;
      if (first && isFor(to, first.target)) yield { target: first.target, members };
    }
  }

  #idsOf(to: Addressees): Iterable<string> {
    if (to.by === "subscription") return to.ids;
    return keysOfAddressees(to).flatMap((key) => [...this.#ids.get(key)]);
  }
}

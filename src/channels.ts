/**
 * Finds subscriptions by what messages address. Its cost for a message is that of whom it is for.
 */
import { type Addressees, isFor, keyOfId, keysOfAddressees, keysOfTarget } from "./addressing.ts";
import { MultiMap } from "./multi_map.ts";
import type { Target } from "./subscription_id.ts";
import type { Subscription } from "./subscriptions.ts";

/** The subscriptions of all sessions to one target: they get the same frames. */
export interface Channel {
  readonly target: Target;
  readonly members: Set<Subscription>;
}

/** The channels of an instance; one without members is no more. */
export class Channels {
  readonly #byKey = new MultiMap<Channel>();

  /** By how many keys something is to be found. */
  get keyCount(): number {
    return this.#byKey.size;
  }

  add(subscription: Subscription): void {
    const { target } = subscription;
    let channel = this.#ofTarget(target.id);
    if (!channel) {
      channel = { target, members: new Set() };
      for (const key of keysOfTarget(target)) this.#byKey.add(key, channel);
    }
    channel.members.add(subscription);
  }

  remove(subscription: Subscription): void {
    const { target } = subscription;
    const channel = this.#ofTarget(target.id);
    if (!channel?.members.delete(subscription) || channel.members.size > 0) return;
    for (const key of keysOfTarget(target)) this.#byKey.delete(key, channel);
  }

  /** Who is subscribed to the target of that id. */
  members(id: string): Iterable<Subscription> {
    return this.#ofTarget(id)?.members ?? [];
  }

  /** The channels that a message is for. */
  *addressedBy(to: Addressees): Iterable<Channel> {
    for (const key of keysOfAddressees(to)) {
      for (const channel of this.#byKey.get(key)) if (isFor(to, channel.target)) yield channel;
    }
  }

  #ofTarget(id: string): Channel | undefined {
    const [channel] = this.#byKey.get(keyOfId(id));
    return channel;
  }
}

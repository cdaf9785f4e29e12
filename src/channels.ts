/**
 * Finds subscriptions by what messages address. Its cost for a message is that of whom it is for.
 */
import { type Addressees, forEach, isFor, keysOf, namesOf } from "./addressing.ts";
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
  readonly #byId = new Map<string, Channel>();
  readonly #byName = forEach(() => new MultiMap<Channel>());

  /** By how many keys something is to be found. */
  get keyCount(): number {
    const { subscription, resource, user } = this.#byName;
    return subscription.size + resource.size + user.size;
  }

  add(subscription: Subscription): void {
    const { target } = subscription;
    let channel = this.#byId.get(target.id);
    if (!channel) {
      channel = { target, members: new Set() };
      this.#byId.set(target.id, channel);
      for (const [by, name] of keysOf(target)) this.#byName[by].add(name, channel);
    }
    channel.members.add(subscription);
  }

  remove(subscription: Subscription): void {
    const { target } = subscription;
    const channel = this.#byId.get(target.id);
    if (!channel?.members.delete(subscription) || channel.members.size > 0) return;
    this.#byId.delete(target.id);
    for (const [by, name] of keysOf(target)) this.#byName[by].delete(name, channel);
  }

  /** Who is subscribed to the target of that id. */
  members(id: string): Iterable<Subscription> {
    return this.#byId.get(id)?.members ?? [];
  }

  /** The channels that a message is for. */
  addressedBy(to: Addressees): Channel[] {
    const channels: Channel[] = [];
    const byName = this.#byName[to.by];
    for (const name of namesOf(to)) {
      for (const channel of byName.get(name)) if (isFor(to, channel.target)) channels.push(channel);
    }
    return channels;
  }
}

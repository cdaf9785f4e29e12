/**
 * Finds the subscriptions that a message is for. The cost depends only on how many they are, not on the
 * number of all subscriptions.
 */
import { type Addressees, isFor, keysOf } from "../log/addressing.ts";
import { MultiMap } from "../util/multi_map.ts";
import type { Target } from "../protocol/target.ts";
import type { Subscription } from "./subscription.ts";

/** All subscriptions to one target. Their clients get the same pushes. */
export interface Channel {
  readonly target: Target;
  readonly members: ReadonlySet<Subscription>;
}

/** All channels of an instance. A channel exists while it has members. */
export class Channels {
  /** The subscriptions, by the ids of their targets. */
  readonly #members = new MultiMap<Subscription>();
  /** The ids of the targets, by the second key of each target: its resource or its user. */
  readonly #ids = { resource: new MultiMap<string>(), user: new MultiMap<string>() };

  /** How many keys there are; 0 if there are no subscriptions. */
  get keyCount(): number {
    return this.#members.size + this.#ids.resource.size + this.#ids.user.size;
  }

  add(subscription: Subscription): void {
    const { target } = subscription;
    const [, [by, name]] = keysOf(target);
    this.#members.add(target.id, subscription);
    this.#ids[by].add(name, target.id);
  }

  remove(subscription: Subscription): void {
    const { target } = subscription;
    const [, [by, name]] = keysOf(target);
    this.#members.delete(target.id, subscription);
    if (!this.#members.has(target.id)) this.#ids[by].delete(name, target.id);
  }

  /** The subscriptions to the target with this id. */
  members(id: string): ReadonlySet<Subscription> {
    return this.#members.get(id);
  }

  /** The channels that a message is for. */
  addressedBy(to: Addressees): Channel[] {
    const channels: Channel[] = [];
    for (const id of this.#idsOf(to)) {
      const members = this.#members.get(id);
      const [first] = members;
      if (first && isFor(to, first.target)) channels.push({ target: first.target, members });
    }
    return channels;
  }

  #idsOf(to: Addressees): Iterable<string> {
    switch (to.by) {
      case "subscription":
        return to.ids;
      case "resource":
        return this.#ids.resource.get(to.resource);
      case "user":
        return this.#ids.user.get(to.user);
    }
  }
}

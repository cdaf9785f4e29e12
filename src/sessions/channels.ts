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

/** For whom a message is: one subscription alone, or those of some channels. */
export type Recipients = Subscription | Channel[];

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

  /** For whom a message is. Most messages are for one subscription, which is found without any list. */
  addressedBy(to: Addressees): Recipients {
    const only = this.#onlyOf(to);
    if (only && isFor(to, only.target)) return only;
    const channels: Channel[] = [];
    if (only !== undefined) return channels;
    for (const id of this.#idsOf(to)) {
      const target = this.#members.any(id)?.target;
      if (target && isFor(to, target)) channels.push({ target, members: this.#members.get(id) });
    }
    return channels;
  }

  /** The only subscription to look at; `null` if there is none, `undefined` if there may be several. */
  #onlyOf(to: Addressees): Subscription | null | undefined {
    if (to.by !== "user") return undefined;
    const id = this.#ids.user.only(to.user);
    return typeof id === "string" ? this.#members.only(id) : id;
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

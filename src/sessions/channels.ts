/**
 * Finds subscriptions by what messages address. Its cost for a message is that of whom it is for.
 */
import { type Addressees, isFor, keysOf } from "../log/addressing.ts";
import { MultiMap } from "../util/multi_map.ts";
import type { Target } from "../protocol/target.ts";
import type { Subscription } from "./subscription.ts";

/** The subscriptions of all sessions to one target: they get the same frames. */
export interface Channel {
  readonly target: Target;
  readonly members: ReadonlySet<Subscription>;
}

/** The channels of an instance; one without members is no more. */
export class Channels {
  /** By the ids of their targets. */
  readonly #members = new MultiMap<Subscription>();
  /** Ids of targets, by what else they are to be found by. */
  readonly #ids = { resource: new MultiMap<string>(), user: new MultiMap<string>() };

  /** By how many keys something is to be found. */
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

  /** Who is subscribed to the target of that id. */
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

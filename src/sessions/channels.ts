/**
 * Finds the subscriptions that a message is for. The cost depends only on how many they are, not on the
 * number of all subscriptions.
 */
import { type Addressees, isFor } from "../log/addressing.ts";
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

/** A target of more types is found by its user alone: keys for all of them would take much memory. */
const MAX_TYPES = 8;

/** All channels of an instance. A channel exists while it has members. */
export class Channels {
  /** The subscriptions, by the ids of their targets. */
  readonly #members = new MultiMap<Subscription>();
  /** The ids of the targets, by what messages name. A target of few types is found by each {@linkcode typeKey}. */
  readonly #ids = {
    resource: new MultiMap<string>(),
    user: new MultiMap<string>(),
    type: new MultiMap<string>(),
  };

  /** How many keys there are; 0 if there are no subscriptions. */
  get keyCount(): number {
    const { resource, user, type } = this.#ids;
    return this.#members.size + resource.size + user.size + type.size;
  }

  add(subscription: Subscription): void {
    const { target } = subscription;
    this.#members.add(target.id, subscription);
    for (const [ids, key] of this.#placesOf(target)) ids.add(key, target.id);
  }

  remove(subscription: Subscription): void {
    const { target } = subscription;
    this.#members.delete(target.id, subscription);
    if (this.#members.has(target.id)) return;
    for (const [ids, key] of this.#placesOf(target)) ids.delete(key, target.id);
  }

  /** The subscriptions to the target with this id. */
  members(id: string): ReadonlySet<Subscription> {
    return this.#members.get(id);
  }

  /** For whom a message is. Most messages are for one subscription, which is found without any list. */
  addressedBy(to: Addressees): Recipients {
    const ids = this.#idsOf(to);
    const only = typeof ids === "string" ? this.#members.only(ids) : undefined;
    if (only) return isFor(to, only.target) ? only : [];
    const channels: Channel[] = [];
    for (const id of typeof ids === "string" ? [ids] : ids) {
      const target = this.#members.any(id)?.target;
      if (target && isFor(to, target)) channels.push({ target, members: this.#members.get(id) });
    }
    return channels;
  }

  /** The ids of the targets that a message may be for; or the only one. */
  #idsOf(to: Addressees): string | Iterable<string> {
    switch (to.by) {
      case "subscription":
        return to.ids;
      case "resource":
        return this.#ids.resource.get(to.resource);
      case "user": {
        const { user, type } = this.#ids;
        const key = type.size === 0 ? "" : typeKey(to);
        if (!type.has(key)) return user.only(to.user) ?? user.get(to.user);
        if (!user.has(to.user)) return type.only(key) ?? type.get(key);
        return [...user.get(to.user), ...type.get(key)];
      }
    }
  }

  /** Where the id of a target is found. */
  #placesOf({ resource, where }: Target): [ids: MultiMap<string>, key: string][] {
    if (resource === "schedule") return [[this.#ids.resource, resource]];
    const { userId: user, types } = where;
    if (types.length === 0 || types.length > MAX_TYPES) return [[this.#ids.user, user]];
    return types.map((type) => [this.#ids.type, typeKey({ user, type })]);
  }
}

/** One key for a user and a type. It has the length of the type, as both may have any characters. */
function typeKey({ user, type }: { readonly user: string; readonly type: string }): string {
  return `${type.length} ${type}${user}`;
}

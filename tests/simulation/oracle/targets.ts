/**
 * Who is owed which records: the model's own account of it, which the service does not see.
 */

/** What a record of the log does to subscriptions. */
export type Addressee =
  | { readonly by: "user"; readonly user: string; readonly type: string }
  | { readonly by: "ids"; readonly targets: readonly Target[] }
  | { readonly by: "schedule" }
  /** Nobody can know for whom it was, so it counts for everybody. */
  | { readonly by: "unknown" };

/** Something in the log that clients are owed: a push, or a list that was read after it. */
export interface Item {
  /** Its number in the order in which everything was written, whichever partition it is in. */
  readonly g: number;
  readonly partition: number;
  readonly offset: number;
  /** An update is pushed; for all others a list or a `resync` is due. */
  readonly isUpdate: boolean;
  readonly to: Addressee;
  /** Whether the log was cut in front of it, or replaced: it may come, or not. */
  isGone: boolean;
}

/** What a client can subscribe to. */
export class Target {
  readonly key: string;
  /** The user; `null` for a schedule. */
  readonly user: string | null;
  readonly types: readonly string[];
  /** The subscription's id, as soon as some client has learned it. */
  event: string | null = null;
  /** What the log has for it, by partition, in the order of the log. */
  readonly owed: Item[][] = [];

  constructor(key: string, { user, types }: Pick<Target, "user" | "types">) {
    this.key = key;
    this.user = user;
    this.types = types;
  }

  /** Everything that is owed of one partition. */
  of(partition: number): Item[] {
    return this.owed[partition] ??= [];
  }

  isOwed({ to }: Pick<Item, "to">): boolean {
    switch (to.by) {
      case "user":
        return to.user === this.user && (this.types.length === 0 || this.types.includes(to.type));
      case "ids":
        return to.targets.includes(this);
      case "schedule":
        return this.user === null;
      case "unknown":
        return true;
    }
  }
}

/** All targets, and what they are owed. */
export class Targets {
  readonly #byKey = new Map<string, Target>();
  readonly #items: Item[] = [];

  get all(): Iterable<Target> {
    return this.#byKey.values();
  }

  /** The target of a user's notifications of these types. */
  ofUser(user: string, types: readonly string[]): Target {
    return this.#get(`${user}:${types.join("+")}`, { user, types });
  }

  /** The target of a part of the schedule. */
  ofSchedule(number: number): Target {
    return this.#get(`schedule:${number}`, { user: null, types: [] });
  }

  /** Notes that something was written. */
  add(item: Item): void {
    this.#items.push(item);
    for (const target of this.all) if (target.isOwed(item)) target.of(item.partition).push(item);
  }

  #get(key: string, init: Pick<Target, "user" | "types">): Target {
    let target = this.#byKey.get(key);
    if (!target) {
      target = new Target(key, init);
      this.#byKey.set(key, target);
      for (const item of this.#items) if (target.isOwed(item)) target.of(item.partition).push(item);
    }
    return target;
  }
}

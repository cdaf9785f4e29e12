/** The topic of a simulation: what is in it, and what happens to it. Readers see it from `reader.ts`. */
import type { Addressee, Item, Target, Targets } from "../oracle/targets.ts";

/** What a record says. */
export type Message =
  | { readonly does: "update" | "reload"; readonly to: Addressee; readonly pad: number }
  | { readonly does: "logout"; readonly user: string }
  /** A value that is no message, or none at all. */
  | { readonly does: "nothing"; readonly value: string | null }
  /** A batch that can't be decoded; so many offsets. */
  | { readonly does: "undecodable"; readonly count: number }
  /** The marker of a transaction: an offset without a record. */
  | { readonly does: "marker" };

/** Something at an offset of a partition. */
export interface Stored {
  readonly offset: number;
  /** The offset after it. */
  readonly end: number;
  readonly timestamp: number;
  readonly message: Message;
  readonly value: Uint8Array | null;
  readonly item: Item | null;
}

/** A partition. */
export class Partition {
  /** In the order of their offsets; those before `start` are gone. */
  stored: Stored[] = [];
  start = 0;
  end = 0;
  /** While a transaction is open: where it began. Nothing behind that can be read. */
  openFrom: number | null = null;
  /** Where it was cut back, in order. */
  readonly cuts: number[] = [];

  /** The end of what can be read. */
  get stableEnd(): number {
    return Math.min(this.end, this.openFrom ?? Infinity);
  }

  /** The first thing at an offset or behind it. */
  from(offset: number): Stored | undefined {
    let low = 0;
    let high = this.stored.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.stored[middle] as Stored).end > offset) high = middle;
      else low = middle + 1;
    }
    return this.stored[low];
  }
}

const encoder = new TextEncoder();

/** The topic. */
export class Log {
  /** Rises when the topic is made again. */
  topic = 1;
  partitions: Partition[];
  /** The number of the next thing that is written. */
  g = 0;
  /** Everything that was pushed or may be, by its number. */
  readonly items: (Item | undefined)[] = [];
  readonly #targets: Targets;
  readonly #now: () => number;
  /** Called when there is something new in a partition. */
  onWrite: (partition: number) => void = () => {};

  constructor({ partitions, targets, now }: {
    partitions: number;
    targets: Targets;
    now: () => number;
  }) {
    this.partitions = Array.from({ length: partitions }, () => new Partition());
    this.#targets = targets;
    this.#now = now;
  }

  /**
   * Writes something at the end of a partition.
   *
   * @param options.ageMs How old the timestamp is
   */
  write(partition: number, message: Message, { ageMs = 0 }: { ageMs?: number } = {}): Stored {
    const into = this.partitions[partition] as Partition;
    const g = this.g++;
    const offset = into.end;
    const end = offset + (message.does === "undecodable" ? message.count : 1);
    const to = addresseeOf(message);
    const isUpdate = message.does === "update";
    const item = to && { g, partition, offset, isUpdate, to, isGone: false };
    const text = textOf(message, g);
    const value = text === null ? null : encoder.encode(text);
    const stored = {
      offset,
      end,
      timestamp: Math.floor(this.#now() - ageMs),
      message,
      value,
      item,
    };
    into.stored.push(stored);
    into.end = end;
    if (item) {
      this.items[g] = item;
      this.#targets.add(item);
    }
    this.onWrite(partition);
    return stored;
  }

  /** Retention takes everything before an offset. */
  retain(partition: number, start: number): void {
    const from = this.partitions[partition] as Partition;
    // Only whole batches are taken.
    const first = from.from(Math.max(from.start, start));
    from.start = first?.offset ?? from.end;
    from.stored = first ? from.stored.slice(from.stored.indexOf(first)) : [];
  }

  /** A leader that lacks the last records comes: they are gone, and their offsets are given again. */
  cut(partition: number, to: number): void {
    const from = this.partitions[partition] as Partition;
    const kept = from.stored.filter(({ offset }) => offset < to);
    for (const { item } of from.stored.slice(kept.length)) if (item) item.isGone = true;
    from.stored = kept;
    from.end = Math.max(from.start, kept.at(-1)?.end ?? from.start);
    from.openFrom = null;
    from.cuts.push(from.end);
    this.g++;
  }

  addPartition(): void {
    this.partitions.push(new Partition());
  }

  /** The topic is deleted and made again. */
  replace(partitions: number): void {
    for (const { stored } of this.partitions) {
      for (const { item } of stored) if (item) item.isGone = true;
    }
    for (const item of this.items) if (item) item.isGone = true;
    this.partitions = Array.from({ length: partitions }, () => new Partition());
    this.topic++;
    this.g++;
  }
}

function addresseeOf(message: Message): Addressee | null {
  switch (message.does) {
    case "update":
    case "reload":
      return message.to;
    case "undecodable":
      return { by: "unknown" };
    default:
      return null;
  }
}

function textOf(message: Message, g: number): string | null {
  switch (message.does) {
    case "update":
    case "reload": {
      const { does, to, pad } = message;
      const data = { g, pad: "x".repeat(pad) };
      if (to.by === "user") {
        // Producers write ids as strings or as numbers.
        const userId = g % 2 === 0 ? to.user : Number(to.user);
        return JSON.stringify({ type: "notification", document: { userId, type: to.type, data } });
      }
      const names = to.by === "schedule"
        ? { resource: "schedule" }
        : { subscriptions: to.by === "ids" ? to.targets.map(eventOf) : [] };
      const options = does === "reload" ? { options: { reload: true } } : {};
      const document = { ...names, ...options, data };
      return JSON.stringify({ type: "update_subscription", document });
    }
    case "logout":
      return JSON.stringify({ type: "logout", document: { userId: message.user } });
    case "nothing":
      return message.value;
    case "undecodable":
    case "marker":
      return null;
  }
}

function eventOf({ event }: Target): string {
  if (event === null) throw new Error("Nobody knows this id yet");
  return event;
}

/**
 * The recent part of the log, in memory, by the keys of its addressees (DEL7). The stream adds each
 * record; subscriptions that are not live are served from here.
 */
import { type Addressees, forEach, isFor, type Key, keysOf, namesOf } from "./addressing.ts";
import type { Positions, Times } from "./cursor.ts";
import { Fifo, FifoMap } from "../util/fifo.ts";
import type { JsonText } from "../protocol/frames.ts";
import type { Target } from "../protocol/target.ts";

/** What a message does to the subscriptions that it is for. `payload` is that of the push. */
export type Delivery =
  | { readonly does: "update"; readonly to: Addressees; readonly payload: JsonText }
  | { readonly does: "reload"; readonly to: Addressees };

/** A record whose message is for subscriptions. */
export interface Entry {
  /** The record's number in the order in which this instance has read all partitions. */
  readonly seq: number;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, at most what a cursor can hold. 0 if the record has none. */
  readonly timestamp: number;
  /** When this instance read the record, in milliseconds since 1970. */
  readonly readAt: number;
  readonly delivery: Delivery;
}

/** A record that was read, and that may become an {@linkcode Entry}. */
export type Read = Omit<Entry, "seq" | "delivery">;

/** A place in the log from which a subscription can be served. */
export interface ResumePoint {
  /** The subscription has everything before these positions. */
  readonly positions: Positions;
  /** The first entry of the window to look at. */
  readonly seq: number;
  /** No record before the positions is newer. */
  readonly times: Times;
}

interface Stored extends Entry {
  /** Bytes in memory, without those of the names that lead to it. */
  readonly bytes: number;
}

/** The window's part of one partition. */
interface Partition {
  /** The offset from which on the window has every record that was read. */
  first: number;
  /** The timestamp of the record just before `first`; `undefined` if it is not known. */
  frontTimestamp: number | undefined;
  readonly entries: Fifo<Stored>;
}

// Measured with V8 15. A test compares them with the heap, for several kinds of messages.
/** Bytes of an entry, without its payload and its addressees. */
const ENTRY_BYTES = 228;
/** Bytes of a further entry under a name. */
const NAMED_BYTES = 24;
/** Bytes of a name with its first entry, without the name's characters. */
const NAME_BYTES = 95;

/** The limits of the window. */
export interface WindowLimits {
  /** Milliseconds for which a record stays after it was read. */
  readonly windowMs: number;
  readonly maxBytes: number;
}

/** The window of this instance. */
export class LogWindow {
  readonly #limits: WindowLimits;
  readonly #entries = new Fifo<Stored>();
  readonly #byName = forEach(() => new FifoMap<Stored>());
  readonly #partitions: Partition[] = [];
  #nextSeq = 0;
  #firstSeq = 0;
  #knownSince = Date.now();
  #bytes = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** The `seq` of the next entry. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** The window has every entry from this `seq` on. */
  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** The bytes of memory that it takes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many entries the window has. */
  get size(): number {
    return this.#entries.length;
  }

  /** Begins a partition. All of its records from the offset `first` on will be added. */
  open(partition: number, first: number): void {
    this.#partitions[partition] = { first, frontTimestamp: undefined, entries: new Fifo() };
  }

  /** The offset from which on the window has every record of a partition that was read. */
  first(partition: number): number {
    return this.#partitions[partition]?.first ?? 0;
  }

  /** Notes a record that gets no entry: it is too old for the window, or not for subscriptions. */
  pass({ partition, offset, timestamp }: Read): void {
    const known = this.#partitions[partition];
    if (known && offset < known.first) known.frontTimestamp = timestamp;
  }

  /**
   * Adds a record. It stays for the window's time from when it was read. Its own timestamp does not
   * count, because a producer may set any.
   */
  add({ partition, offset, timestamp, readAt }: Read, delivery: Delivery): Entry {
    const entry: Stored = {
      // Not copied with `...`: V8 would then keep the last properties in a separate array.
      partition,
      offset,
      timestamp,
      readAt,
      delivery,
      seq: this.#nextSeq++,
      bytes: bytesOf(delivery),
    };
    this.#entries.push(entry);
    this.#partitions[partition]?.entries.push(entry);
    const byName = this.#byName[delivery.to.by];
    for (const name of namesOf(delivery.to)) {
      this.#bytes += byName.push(name, entry) ? NAME_BYTES + name.length : NAMED_BYTES;
    }
    this.#bytes += entry.bytes;
    return entry;
  }

  /**
   * Drops the oldest entries until the window is within its limits.
   *
   * @param now Milliseconds since 1970
   */
  trim(now: number): void {
    for (let oldest = this.#entries.first; oldest; oldest = this.#entries.first) {
      const isRecent = now < oldest.readAt + this.#limits.windowMs;
      if (this.#bytes <= this.#limits.maxBytes && isRecent) return;
      this.#drop(oldest);
    }
  }

  /** Takes a seq for a break in the log, between those of the entries before and after it. */
  mark(): number {
    return this.#nextSeq++;
  }

  /** Passes over records of a partition: nobody can be served from a place before this offset (KAF9). */
  skip(partition: number, offset: number): void {
    const known = this.#partitions[partition];
    if (!known || known.first >= offset) return;
    known.first = offset;
    known.frontTimestamp = undefined;
  }

  /**
   * Drops everything, because the next records do not follow the earlier ones (DEL12, DEL13). All
   * records from these positions on will be added.
   */
  clear(positions: Positions): void {
    // What is in front of the positions still tells the times of cursors (DEL6).
    const fronts = positions.map((position, partition) =>
      this.timestampBefore(partition, position)
    );
    for (let oldest = this.#entries.first; oldest; oldest = this.#entries.first) this.#drop(oldest);
    this.#firstSeq = this.#nextSeq;
    this.#knownSince = Date.now();
    this.#partitions.length = 0;
    for (const [partition, first] of positions.entries()) {
      this.#partitions[partition] = {
        first,
        frontTimestamp: fronts[partition],
        entries: new Fifo(),
      };
    }
  }

  /** Whether the window still has every record from these positions on. */
  holds(positions: Positions): boolean {
    return this.#partitions.every(({ first }, partition) => (positions[partition] ?? 0) >= first);
  }

  /** The timestamp of the record just before a position; `undefined` if it is not known. */
  timestampBefore(partition: number, position: number): number | undefined {
    const known = this.#partitions[partition];
    const index = known?.entries.lowerBound((entry) => entry.offset >= position) ?? 0;
    return index > 0 ? known?.entries.at(index - 1)?.timestamp : known?.frontTimestamp;
  }

  /** The lowest `seq` of all entries from these positions on; the next `seq` if there are none. */
  seqAt(positions: Positions): number {
    let seq = this.#nextSeq;
    for (const [partition, { entries }] of this.#partitions.entries()) {
      const position = positions[partition] ?? 0;
      const index = entries.lowerBound((entry) => entry.offset >= position);
      seq = Math.min(seq, entries.at(index)?.seq ?? seq);
    }
    return seq;
  }

  /**
   * The entries for a target from a `seq` on, in order. The cost depends only on how many entries
   * have a key of the target.
   *
   * The generator must not be used after the window has changed.
   */
  *entriesFor(target: Target, seq: number): Generator<Entry> {
    const lists = keysOf(target).flatMap(([by, name]) => this.#byName[by].get(name) ?? []);
    const indexes = lists.map((list) => list.lowerBound((entry) => entry.seq >= seq));
    for (;;) {
      let next: Stored | undefined;
      let from = 0;
      for (const [i, list] of lists.entries()) {
        const entry = list.at(indexes[i] ?? 0);
        if (entry && (!next || entry.seq < next.seq)) [next, from] = [entry, i];
      }
      if (!next) return;
      indexes[from] = (indexes[from] ?? 0) + 1;
      if (isFor(next.delivery.to, target)) yield next;
    }
  }

  /** The latest `count` entries under these keys with a `seq` below `before`, the oldest first. */
  latestUnder(
    keys: readonly Key[],
    { count, before = Infinity }: { count: number; before?: number },
  ): Entry[] {
    const found = new Set<Stored>();
    for (const [by, name] of keys) {
      const list = this.#byName[by].get(name);
      const end = list?.lowerBound((entry) => entry.seq >= before) ?? 0;
      for (let i = Math.max(0, end - count); i < end; i++) {
        const entry = list?.at(i);
        if (entry) found.add(entry);
      }
    }
    return [...found].sort((a, b) => a.seq - b.seq).slice(-count);
  }

  /** The entry of a record; `undefined` if the record has none, or it has left the window. */
  entryAt(partition: number, offset: number): Entry | undefined {
    const entries = this.#partitions[partition]?.entries;
    const entry = entries?.at(entries.lowerBound((entry) => entry.offset >= offset));
    return entry?.offset === offset ? entry : undefined;
  }

  /** The window has everything that was read since this time, in milliseconds since 1970. */
  get knownSince(): number {
    return this.#knownSince;
  }

  #drop(entry: Stored): void {
    this.#entries.shift();
    this.#firstSeq = entry.seq + 1;
    this.#knownSince = entry.readAt + 1;
    const partition = this.#partitions[entry.partition];
    if (partition?.entries.first === entry) {
      partition.entries.shift();
      // Else records that were set aside are behind it.
      if (entry.offset >= partition.first) {
        partition.first = entry.offset + 1;
        partition.frontTimestamp = entry.timestamp;
      }
    }
    const byName = this.#byName[entry.delivery.to.by];
    for (const name of namesOf(entry.delivery.to)) {
      this.#bytes -= byName.shift(name) ? NAME_BYTES + name.length : NAMED_BYTES;
    }
    this.#bytes -= entry.bytes;
  }
}

function bytesOf(delivery: Delivery): number {
  const payload = delivery.does === "update" ? stringBytes(delivery.payload) : 0;
  const { to } = delivery;
  return ENTRY_BYTES + payload + (to.by === "user" ? to.user.length + stringBytes(to.type) : 0);
}

/** V8 takes one byte for each character of a Latin-1 string, else two. */
function stringBytes(text: string): number {
  return /^[\0-\xff]*$/.test(text) ? text.length : 2 * text.length;
}

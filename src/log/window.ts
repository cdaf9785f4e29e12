/**
 * The recent part of the log, by who may want it (DEL7). Subscriptions that are not live are served
 * from here.
 */
import { type Addressees, forEach, isFor, type Key, keysOf, namesOf } from "./addressing.ts";
import type { Positions } from "./cursor.ts";
import { Fifo, Fifos } from "../util/fifo.ts";
import type { JsonText } from "../protocol/frames.ts";
import type { Target } from "../protocol/target.ts";

/** What a message does; `payload` is that of the push. */
export type Delivery =
  | { readonly does: "update"; readonly to: Addressees; readonly payload: JsonText }
  | { readonly does: "reload"; readonly to: Addressees };

/** A record of the log that is for somebody. */
export interface Entry {
  /** Its place in the order in which this instance has read all partitions. */
  readonly seq: number;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, not more than a cursor can say. */
  readonly timestamp: number;
  /** When this instance has read it, in milliseconds since 1970. */
  readonly readAt: number;
  readonly delivery: Delivery;
}

/** A record, parsed, that may become an {@linkcode Entry}. */
export type Read = Omit<Entry, "seq" | "delivery">;

interface Stored extends Entry {
  /** Less those that its keys take. */
  readonly bytes: number;
}

/** What is known of one partition. */
interface Partition {
  /** Every record from here on that was read is in the window. */
  first: number;
  /** Timestamp of the record just in front of `first`, where it is known. */
  frontTimestamp: number | undefined;
  readonly entries: Fifo<Stored>;
}

// What entries take on the heap of V8 15; a test measures it for several kinds of messages.
/** Bytes of an entry, less its payload and whom it is for. */
const ENTRY_BYTES = 228;
/** Bytes of one more entry under a name. */
const NAMED_BYTES = 24;
/** Bytes of a name with its first entry, less its characters. */
const NAME_BYTES = 95;

/** What the window is bounded by. */
export interface WindowLimits {
  readonly windowMs: number;
  readonly maxBytes: number;
}

/** The window of one instance. */
export class LogWindow {
  readonly #limits: WindowLimits;
  readonly #entries = new Fifo<Stored>();
  readonly #byName = forEach(() => new Fifos<Stored>());
  readonly #partitions: Partition[] = [];
  #nextSeq = 0;
  #knownSince = Date.now();
  #bytes = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** The seq that the next entry will have. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** The seq of the oldest entry; all from there on are there. */
  get firstSeq(): number {
    return this.#entries.first?.seq ?? this.#nextSeq;
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many entries it has. */
  get size(): number {
    return this.#entries.length;
  }

  /** Begins a partition, whose records from `first` on will be added. */
  open(partition: number, first: number): void {
    this.#partitions[partition] = { first, frontTimestamp: undefined, entries: new Fifo() };
  }

  /** Where the partition begins here. */
  first(partition: number): number {
    return this.#partitions[partition]?.first ?? 0;
  }

  /** Tells of a record that is in front of the window, or for nobody. */
  pass({ partition, offset, timestamp }: Read): void {
    const known = this.#partitions[partition];
    if (known && offset < known.first) known.frontTimestamp = timestamp;
  }

  /**
   * Adds a record. It stays for the window's time from when it was read; its own timestamp is
   * whatever its producer says.
   */
  add({ partition, offset, timestamp, readAt }: Read, delivery: Delivery): Entry {
    const entry: Stored = {
      // Each by its name: a copy with `...` would keep the last of them in an array of their own.
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

  /** Lets go of what is too old or too much, the oldest first. */
  trim(now: number): void {
    for (let oldest = this.#entries.first; oldest; oldest = this.#entries.first) {
      const isRecent = now < oldest.readAt + this.#limits.windowMs;
      if (this.#bytes <= this.#limits.maxBytes && isRecent) return;
      this.#drop(oldest);
    }
  }

  /** Lets go of everything: what comes next does not follow what was there (DEL12). */
  clear(positions: Positions): void {
    for (let oldest = this.#entries.first; oldest; oldest = this.#entries.first) this.#drop(oldest);
    this.#knownSince = Date.now();
    for (const [partition, first] of positions.entries()) this.open(partition, first);
  }

  /** Whether no record from these positions on has left. */
  holds(positions: Positions): boolean {
    return this.#partitions.every(({ first }, partition) => (positions[partition] ?? 0) >= first);
  }

  /** Timestamp of the record just in front of a position that the window holds, where it is known. */
  timestampBefore(partition: number, position: number): number | undefined {
    const known = this.#partitions[partition];
    const index = known?.entries.lowerBound((entry) => entry.offset >= position) ?? 0;
    return index > 0 ? known?.entries.at(index - 1)?.timestamp : known?.frontTimestamp;
  }

  /** The seq from which on everything from these positions on is to be found. */
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
   * Entries for a target from a seq on, in order; costs what there is for it.
   *
   * To be used up before the window changes.
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

  /** The latest entries that are to be found under one of these keys, in order. */
  latestUnder(keys: readonly Key[], count: number): Entry[] {
    const found = new Set<Stored>();
    for (const [by, name] of keys) {
      const list = this.#byName[by].get(name);
      for (let i = Math.max(0, (list?.length ?? 0) - count); i < (list?.length ?? 0); i++) {
        const entry = list?.at(i);
        if (entry) found.add(entry);
      }
    }
    return [...found].sort((a, b) => a.seq - b.seq).slice(-count);
  }

  /** The entry of a record, where it is one that is for somebody. */
  entryAt(partition: number, offset: number): Entry | undefined {
    const entries = this.#partitions[partition]?.entries;
    const entry = entries?.at(entries.lowerBound((entry) => entry.offset >= offset));
    return entry?.offset === offset ? entry : undefined;
  }

  /** All that was read since then is there, in milliseconds since 1970. */
  get knownSince(): number {
    return this.#knownSince;
  }

  #drop(entry: Stored): void {
    this.#entries.shift();
    this.#knownSince = entry.readAt + 1;
    const partition = this.#partitions[entry.partition];
    if (partition?.entries.first === entry) {
      partition.entries.shift();
      partition.first = entry.offset + 1;
      partition.frontTimestamp = entry.timestamp;
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

/** V8 takes one byte a character for text in Latin-1, else two. */
function stringBytes(text: string): number {
  return /^[\0-\xff]*$/.test(text) ? text.length : 2 * text.length;
}

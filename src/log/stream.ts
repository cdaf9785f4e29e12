/**
 * What this instance has read of the log: the positions, and the records that are still in the
 * window. Records come in from `sessions/consume.ts`; subscriptions look up their places here.
 */
import { type Cursor, CursorCodec, type Positions } from "./cursor.ts";
import { type Delivery, type Entry, LogWindow, type Read, type WindowLimits } from "./window.ts";
import type { Target } from "../protocol/target.ts";

/** A place in the log from which a subscription can be served. */
export interface ResumePoint {
  /** The subscription has everything before these positions. */
  readonly positions: Positions;
  /** The first entry of the window to look at. */
  readonly seq: number;
  /** Milliseconds since 1970: no record before the positions is newer. */
  readonly timeMs: number;
}

/** Why a client can't resume from its cursor (DEL6). */
export type ResumeRefusal =
  | "unreadable"
  | "past_the_end"
  | "left_the_window"
  | "other_log"
  | "reload_missed"
  /** On this connection, the subscription was served from a later place on. */
  | "served_further";

/** Records that left the log before this instance could read them (DEL12). */
export interface Lost {
  readonly partition: number;
  /** The offset of the first lost record. */
  readonly from: number;
  /** The offset after that of the last lost record. */
  readonly to: number;
  /** When the loss was noticed, in milliseconds since 1970. */
  readonly at: number;
}

/** How many losses are remembered. */
const MAX_LOST = 100;

/** What this instance has read of the log. */
export class Stream {
  readonly window: LogWindow;
  readonly #codec: CursorCodec;
  readonly #positions: number[] = [];
  /** The latest timestamp of all records that were read, in milliseconds since 1970. */
  #newestMs = 0;
  #snapshot: Positions | undefined;
  #cursor: string | undefined;
  readonly #lost: Lost[] = [];

  constructor({ topic, ...limits }: WindowLimits & { topic: string }) {
    this.window = new LogWindow(limits);
    this.#codec = new CursorCodec(topic);
  }

  /** How far each partition has been read. The array changes with each record. */
  get positions(): Positions {
    return this.#positions;
  }

  /** A copy of the positions, which never changes. All callers share it until the next record. */
  get snapshot(): Positions {
    return this.#snapshot ??= [...this.#positions];
  }

  /** The cursor of the live end. All callers share the string until the next record. */
  get cursor(): string {
    return this.#cursor ??= this.cursorAt(this.#positions);
  }

  /**
   * The cursor of a place.
   *
   * @param timeMs Milliseconds since 1970. Needed if the place is ahead of this instance: records
   * before it may then be newer than all that were read here
   */
  cursorAt(positions: Positions, timeMs = 0): string {
    return this.#codec.encode({ positions, timeMs: Math.max(Date.now(), this.#newestMs, timeMs) });
  }

  /**
   * Begins a partition.
   *
   * @param start.position The offset at which reading starts
   * @param start.first The offset from which on the window will have every record
   */
  open(partition: number, { first, position }: { first: number; position: number }): void {
    // Partitions are numbered without gaps. Nothing was read yet of those that are not open.
    for (let before = this.#positions.length; before < partition; before++) {
      this.#positions[before] = 0;
      this.window.open(before, 0);
    }
    this.#positions[partition] = position;
    this.window.open(partition, first);
    this.#forgetDerived();
  }

  /**
   * Takes the next record of its partition.
   *
   * @param delivery What the record's message does; `null` if it is not for subscriptions
   * @returns The record's entry in the window; `null` if it has none
   */
  read(read: Read, delivery: Delivery | null): Entry | null {
    const { partition, offset, timestamp } = read;
    this.advance(partition, offset + 1);
    this.#newestMs = Math.max(this.#newestMs, timestamp);
    if (offset < this.window.first(partition) || delivery === null) {
      this.window.pass(read);
      return null;
    }
    return this.window.add(read, delivery);
  }

  /** Notes that everything before this position was read. */
  advance(partition: number, position: number): void {
    this.#positions[partition] = position;
    this.#forgetDerived();
  }

  /** Continues a partition at a later position: the records in between are lost (DEL12). */
  jump(partition: number, position: number): Lost {
    const from = this.#positions[partition] ?? 0;
    const lost = { partition, from, to: position, at: Date.now() };
    this.#lost.push(lost);
    if (this.#lost.length > MAX_LOST) this.#lost.shift();
    this.advance(partition, position);
    this.window.clear(this.#positions);
    return lost;
  }

  /** The latest losses, the oldest first. */
  get lost(): readonly Lost[] {
    return this.#lost;
  }

  /** Reads a client's cursor; `null` if the value is not a cursor of this topic. */
  decode(cursor: unknown): Cursor | null {
    return typeof cursor === "string" ? this.#codec.decode(cursor) : null;
  }

  /** Whether a place is ahead of what this instance has read, or names an unknown partition. */
  isAhead(positions: Positions): boolean {
    return positions.length > this.#positions.length ||
      positions.some((position, partition) => position > (this.#positions[partition] ?? 0));
  }

  /**
   * Finds the place from which a target can be served after a cursor.
   *
   * @returns The place, or why the client can't resume from the cursor (DEL6)
   */
  locate(cursor: Cursor, target: Target): ResumePoint | ResumeRefusal {
    const unnamed = this.#positions.slice(cursor.positions.length).map(() => 0);
    const positions = [...cursor.positions, ...unnamed];
    if (!this.window.holds(positions)) return "left_the_window";
    for (const [partition, position] of positions.entries()) {
      const before = this.window.timestampBefore(partition, position);
      if (before !== undefined && before > cursor.timeMs) return "other_log";
    }
    const seq = this.window.seqAt(positions);
    for (const { partition, offset, delivery } of this.window.entriesFor(target, seq)) {
      if (delivery.does === "reload" && offset >= (positions[partition] ?? 0)) {
        return "reload_missed";
      }
    }
    return { positions, seq, timeMs: cursor.timeMs };
  }

  /** Drops what was derived from the positions, which have changed. */
  #forgetDerived(): void {
    this.#snapshot = undefined;
    this.#cursor = undefined;
  }
}

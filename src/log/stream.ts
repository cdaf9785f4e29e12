/**
 * How far this instance has read, and what it still knows of that: positions, window and cursors.
 * Subscriptions ask here for their place in the log.
 */
import { createCursorCodec, type Cursor, type CursorCodec, type Positions } from "./cursor.ts";
import { type Delivery, type Entry, LogWindow, type Read, type WindowLimits } from "./window.ts";
import type { Target } from "../protocol/target.ts";

/** A place from which a subscription can be served. */
export interface ResumePoint {
  /** What is in front of these positions is not for it any more. */
  readonly positions: Positions;
  /** Where to begin in the window. */
  readonly seq: number;
  /** Milliseconds since 1970: no record in front of the place is newer. */
  readonly timeMs: number;
}

/** Why a client can't resume from its cursor (DEL6). */
export type ResumeRefusal =
  | "unreadable"
  | "past_the_end"
  | "left_the_window"
  | "other_log"
  | "reload_missed"
  /** It has been served further than that, on this connection. */
  | "served_further";

/** Records that the log no longer had when they were to be read (DEL12). */
export interface Lost {
  readonly partition: number;
  /** The first of them, and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Losses that are remembered. */
const MAX_LOST = 100;

/** What this instance has read of the log. */
export class Stream {
  readonly window: LogWindow;
  readonly #codec: CursorCodec;
  readonly #positions: number[] = [];
  /** No record that was read is newer, in milliseconds since 1970. */
  #newestMs = 0;
  #snapshot: Positions | undefined;
  #cursor: string | undefined;
  readonly #lost: Lost[] = [];

  constructor({ topic, ...limits }: WindowLimits & { topic: string }) {
    this.window = new LogWindow(limits);
    this.#codec = createCursorCodec(topic);
  }

  /** How far each partition has been read. */
  get positions(): Positions {
    return this.#positions;
  }

  /** The same as they are now, for good: the same array for all until something is read. */
  get snapshot(): Positions {
    return this.#snapshot ??= [...this.#positions];
  }

  /** The cursor of the live end: the same string until something is read. */
  get cursor(): string {
    return this.#cursor ??= this.cursorAt(this.#positions);
  }

  /**
   * The cursor of a place.
   *
   * @param timeMs Milliseconds since 1970; for a place beyond what was read, whose records may be
   * newer than all that were
   */
  cursorAt(positions: Positions, timeMs = 0): string {
    return this.#codec.encode({ positions, timeMs: Math.max(Date.now(), this.#newestMs, timeMs) });
  }

  /** Begins a partition, at a record from which on the window is to have everything. */
  open(partition: number, { first, position }: { first: number; position: number }): void {
    // Partitions are numbered without gaps; of those that are not known yet nothing was read.
    for (let before = this.#positions.length; before < partition; before++) {
      this.#positions[before] = 0;
      this.window.open(before, 0);
    }
    this.#positions[partition] = position;
    this.window.open(partition, first);
    this.#forgetPlace();
  }

  /** Takes the next record of its partition, `null` where it is for nobody. */
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

  /** Everything in front of this position was read, or there was nothing. */
  advance(partition: number, position: number): void {
    this.#positions[partition] = position;
    this.#forgetPlace();
  }

  /** What was made of the positions is out of date. */
  #forgetPlace(): void {
    this.#snapshot = undefined;
    this.#cursor = undefined;
  }

  /** Goes on at another place than the next: what is in between is lost (DEL12). */
  jump(partition: number, position: number): Lost {
    const from = this.#positions[partition] ?? 0;
    const lost = { partition, from, to: position, at: Date.now() };
    this.#lost.push(lost);
    if (this.#lost.length > MAX_LOST) this.#lost.shift();
    this.advance(partition, position);
    this.window.clear(this.#positions);
    return lost;
  }

  /** What was lost, the oldest first. */
  get lost(): readonly Lost[] {
    return this.#lost;
  }

  /** Reads a client's cursor; `null` where it can't be resumed from, whatever else holds. */
  decode(cursor: unknown): Cursor | null {
    return typeof cursor === "string" ? this.#codec.decode(cursor) : null;
  }

  /** Whether a place is beyond what this instance has read, or knows of. */
  isAhead(positions: Positions): boolean {
    return positions.length > this.#positions.length ||
      positions.some((position, partition) => position > (this.#positions[partition] ?? 0));
  }

  /**
   * Finds a cursor's place for a target.
   *
   * @returns Why not, where not everything that it missed is there, or a reload is among it (DEL6)
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
}

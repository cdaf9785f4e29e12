/**
 * What this instance has read of the log: the positions, and the records that are still in the
 * window. Records come in from `sessions/consume.ts`; subscriptions look up their places here.
 */
import {
  type Cursor,
  CursorCodec,
  MAX_TIME_MS,
  NO_ID,
  type Positions,
  type ResumeRefusal,
  type Times,
} from "./cursor.ts";
import type { Loss, LossReason, LossReport } from "./loss.ts";
import type { ReadPosition } from "./read_position.ts";
import {
  type Delivery,
  type Entry,
  LogWindow,
  type Read,
  type ResumePoint,
  type WindowLimits,
} from "./window.ts";
import type { Target } from "../protocol/target.ts";

/** How many breaks in the log are remembered. */
const MAX_LOSSES = 100;

/** What this instance has read of the log. */
export class Stream {
  readonly window: LogWindow;
  readonly #topic: string;
  #codec: CursorCodec;
  /** The topic's id; `null` if the brokers don't know ids, `undefined` until the log was found. */
  #topicId: string | null | undefined;
  readonly #positions: number[] = [];
  /** By partition: no record before the position is newer, in milliseconds since 1970. */
  readonly #times: number[] = [];
  /** The latest of these times. */
  #newestMs = 0;
  #snapshot: Positions | undefined;
  #timesSnapshot: Times | undefined;
  #cursor: string | undefined;
  readonly #losses: LossReport[] = [];
  /** How many breaks there were. */
  #breaks = 0;
  /** Cursors with an earlier time are from before the log was replaced or cut back. */
  #timesFrom = 0;

  constructor({ topic, ...limits }: WindowLimits & { topic: string }) {
    this.window = new LogWindow(limits);
    this.#topic = topic;
    this.#codec = new CursorCodec({ name: topic, id: null });
  }

  /** The topic's id; `null` if it is not known. */
  get topicId(): string | null {
    return this.#topicId ?? null;
  }

  /** How far each partition has been read. The array changes with each record. */
  get positions(): Positions {
    return this.#positions;
  }

  /** A copy of the positions, which never changes. All callers share it until the next record. */
  get snapshot(): Positions {
    return this.#snapshot ??= [...this.#positions];
  }

  /** Where a reader is that has been served everything that was read. */
  get liveEnd(): ResumePoint {
    const times = this.#timesSnapshot ??= [...this.#times];
    return { positions: this.snapshot, times, seq: this.window.nextSeq };
  }

  /** The cursor of the live end. All callers share the string until the next record. */
  get cursor(): string {
    return this.#cursor ??= this.cursorAt(this.#positions);
  }

  /**
   * The cursor of a place.
   *
   * @param times No record before the place is newer. Default: those of what was read here
   */
  cursorAt(positions: Positions, times: Times = this.#times): string {
    let timeMs = Math.max(Date.now(), this.#newestMs, this.#timesFrom);
    // The newest of what was read is known.
    if (times !== this.#times) timeMs = times.reduce((max, time) => Math.max(max, time), timeMs);
    return this.#codec.encode({ positions, times, timeMs });
  }

  /**
   * The cursor of a reader's position. If records after it were lost, it gets the list (DEL6).
   *
   * @param entry If given, the cursor is also in front of this entry
   */
  cursorOf(position: ReadPosition, entry: Entry | null = null): string {
    if (position.front !== null) return position.front;
    const times = position.timesWith(this.#times);
    if (!entry) return this.cursorAt(position.served, times);
    const positions = [...position.served];
    positions[entry.partition] = entry.offset;
    return this.cursorAt(positions, times);
  }

  /**
   * Notes which topic is read.
   *
   * @param id `null` if the brokers don't know ids of topics
   * @returns What it means for subscriptions if it is another log than the one so far (DEL13), whose
   * partitions are forgotten; else `null`
   */
  begin(id: string | null): Loss | null {
    const before = this.#topicId;
    if (id !== null && id === before) return null;
    this.#topicId = id;
    const begin = () => {
      this.#codec = new CursorCodec({ name: this.#topic, id });
      this.#positions.length = 0;
      this.#times.length = 0;
      this.#forgetDerived();
    };
    if (before === undefined) {
      begin();
      return null;
    }
    return this.#break("log replaced", null, () => {
      this.#refuseEarlierTimes();
      begin();
      this.#newestMs = 0;
      this.window.clear(this.#positions);
    });
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
      this.#positions[before] = this.#times[before] = 0;
      this.window.open(before, 0);
    }
    this.#positions[partition] = position;
    // What is in front of it was written before now.
    this.#times[partition] = 0;
    if (position > 0) this.#noteTime(partition, Date.now());
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
    this.#noteTime(partition, timestamp);
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
  jump(partition: number, to: number): Loss {
    const from = this.#positions[partition] ?? 0;
    return this.#break("lost by the log", { partition, from, to }, () => {
      this.#noteTime(partition, Date.now());
      this.advance(partition, to);
      this.window.clear(this.#positions);
    });
  }

  /** Continues a partition at an earlier position: the log was cut back to it (DEL13). */
  cut(partition: number, from: number): Loss {
    const to = this.#positions[partition] ?? 0;
    return this.#break("log cut back", { partition, from, to }, () => {
      this.#refuseEarlierTimes();
      this.advance(partition, from);
      this.window.clear(this.#positions);
    });
  }

  /** Passes over records that could not be decoded (KAF9). The window keeps what it has. */
  setAside(partition: number, { from, to }: { readonly from: number; readonly to: number }): Loss {
    return this.#break("records set aside", { partition, from, to }, () => {
      this.advance(partition, to);
      this.window.skip(partition, to);
    });
  }

  /** Makes a loss here, of which subscriptions are to be told. {@linkcode losses} has it already. */
  breakHere(why: LossReason): Loss {
    return this.#break(why, undefined, () => {});
  }

  /** Where a reader goes on after a loss: behind it, or at the live end if that has left the window. */
  placeAfter(loss: Loss | null): ResumePoint {
    return loss && loss.after.seq >= this.window.firstSeq ? loss.after : this.liveEnd;
  }

  /** The latest breaks, the oldest first. */
  get losses(): readonly LossReport[] {
    return this.#losses;
  }

  /** How many breaks there were, with those that are forgotten. */
  get breaks(): number {
    return this.#breaks;
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

  /** Whether a cursor is from another log: of another topic's id, or from before a cut (DEL13). */
  isOfOtherLog({ idMark, timeMs }: Cursor): boolean {
    const own = this.#codec.idMark;
    return timeMs < this.#timesFrom || (idMark !== NO_ID && own !== NO_ID && idMark !== own);
  }

  /**
   * Finds the place from which a target can be served after a cursor.
   *
   * @returns The place, or why the client can't resume from the cursor (DEL6)
   */
  locate(cursor: Cursor, target: Target): ResumePoint | ResumeRefusal {
    const unnamed = this.#positions.slice(cursor.positions.length).map(() => 0);
    const positions = [...cursor.positions, ...unnamed];
    if (this.isOfOtherLog(cursor)) return "other_log";
    if (!this.window.holds(positions)) return "left_the_window";
    for (const [partition, position] of positions.entries()) {
      const before = this.window.timestampBefore(partition, position);
      if (before !== undefined && before > (cursor.times[partition] ?? 0)) return "other_log";
    }
    const seq = this.window.seqAt(positions);
    for (const { partition, offset, delivery } of this.window.entriesFor(target, seq)) {
      if (delivery.does === "reload" && offset >= (positions[partition] ?? 0)) {
        return "reload_missed";
      }
    }
    return { positions, seq, times: cursor.times };
  }

  /** Changes the log, and notes what that means for subscriptions; for operators, unless `undefined`. */
  #break(why: LossReason, records: LossReport["records"] | undefined, change: () => void): Loss {
    const { liveEnd: before } = this;
    const codec = this.#codec;
    const seq = this.window.mark();
    this.#breaks++;
    change();
    if (records !== undefined) this.#losses.push({ why, records, at: Date.now() });
    if (this.#losses.length > MAX_LOSSES) this.#losses.shift();
    return { why, seq, before, after: this.liveEnd, codec };
  }

  /** From now on, cursors have a later time than all that were written so far. */
  #refuseEarlierTimes(): void {
    const latestMs = Math.max(Date.now(), this.#newestMs, this.#timesFrom);
    this.#timesFrom = Math.min(latestMs + 1, MAX_TIME_MS);
  }

  #noteTime(partition: number, timeMs: number): void {
    this.#times[partition] = Math.max(this.#times[partition] ?? 0, timeMs);
    this.#newestMs = Math.max(this.#newestMs, timeMs);
  }

  /** Drops what was derived from the positions, which have changed. */
  #forgetDerived(): void {
    this.#snapshot = undefined;
    this.#timesSnapshot = undefined;
    this.#cursor = undefined;
  }
}

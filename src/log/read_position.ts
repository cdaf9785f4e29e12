/**
 * A reader's own position in the log, while it is not at the live end and is served from the window.
 */
import type { Target } from "../protocol/target.ts";
import type { Positions, Times } from "./cursor.ts";
import type { Loss, LossReason } from "./loss.ts";
import type { Entry, LogWindow, ResumePoint } from "./window.ts";

/** Why a reader can't be served everything that it has not got yet. */
export type GapReason = LossReason | "left the window";

/** What an entry means to its reader. */
export type EntryUse =
  /** The reader has it: its cursor named a later place of the partition. */
  | "had"
  /** The reader's cursor named a later place, but of a log that was cut back since (DEL13). */
  | "of another log"
  /** It is pushed. */
  | "update"
  /** The reader needs its list. */
  | "reload"
  /** Its list is included in one that is requested later, or was. */
  | "in a later list";

/** Where a reader of the log goes on. */
export class ReadPosition {
  /** The seq of the next entry of the window to look at. */
  seq: number;
  /** Reloads before this seq need no list: the reader has one that was requested later. */
  listedUntil = 0;
  /** The place from which it has gone on. No record before it is newer than these times. */
  #start: Pick<ResumePoint, "positions" | "times">;
  #served: Positions;
  /** Whether nobody else has the array of positions, so that it may be changed. */
  #isOwn = false;
  #loss: Loss | null = null;
  #front: string | null = null;
  /** No reload between the position and this seq is needed, as the one at this seq is later. */
  #laterReload = 0;

  constructor(start: ResumePoint) {
    this.seq = start.seq;
    this.#start = start;
    this.#served = start.positions;
  }

  /** The offset up to which the reader has everything, by partition. */
  get served(): Positions {
    return this.#served;
  }

  /**
   * The times for a cursor: no record in front of what is served is newer.
   *
   * @param read The same of everything that was read here
   */
  timesWith(read: Times): Times {
    const { positions, times } = this.#start;
    return this.#served.map((position, partition) => {
      const time = times[partition] ?? 0;
      // It may still be ahead of what was read here, maybe of a log that was cut back since (DEL13).
      return position === positions[partition] ? time : Math.max(time, read[partition] ?? 0);
    });
  }

  /** What the reader has lost, and was not told yet; `null` if nothing. */
  get loss(): Loss | null {
    return this.#loss;
  }

  /** If something was lost: a cursor in front of it, which gets the list (DEL6). */
  get front(): string | null {
    return this.#front;
  }

  /** Goes back in front of an entry. */
  goBackTo({ seq, partition, offset }: Entry): void {
    this.seq = seq;
    this.#serve(partition, offset);
  }

  /** Goes on from a later place, in each partition in which the point is later. */
  skipTo({ positions, times }: ResumePoint): void {
    const start = { positions: [...this.#start.positions], times: [...this.#start.times] };
    for (const [partition, position] of positions.entries()) {
      if (position <= (this.#served[partition] ?? 0)) continue;
      this.#serve(partition, position);
      start.positions[partition] = position;
      start.times[partition] = times[partition] ?? 0;
    }
    this.#start = start;
  }

  /** Goes on behind the next entry for a target. */
  pass(entry: Entry, { target, window }: { target: Target; window: LogWindow }): EntryUse {
    const { seq, partition, offset, timestamp, delivery } = entry;
    this.seq = seq + 1;
    if (this.#hasServed(entry)) {
      return timestamp > (this.#start.times[partition] ?? 0) ? "of another log" : "had";
    }
    this.#serve(partition, offset + 1);
    if (delivery.does === "update") return "update";
    if (seq < this.listedUntil || seq < this.#laterReload) return "in a later list";
    for (const later of window.entriesFor(target, this.seq)) {
      if (later.delivery.does === "reload" && !this.#hasServed(later)) {
        this.#laterReload = later.seq;
      }
    }
    return seq < this.#laterReload ? "in a later list" : "reload";
  }

  /**
   * Notes that what comes next does not follow what the reader has got.
   *
   * @param front A cursor in front of what was lost
   */
  lose(loss: Loss, front: string): void {
    this.#loss = loss;
    this.#front ??= front;
  }

  /**
   * Notes that the reader has got a list, for which the window ended at `seq` when it was requested. If
   * that was after the loss, the list includes what was lost.
   */
  noteList(seq: number): void {
    this.listedUntil = seq;
    if (!this.#loss || this.#loss.seq >= seq) return;
    this.#start = this.#loss.after;
    this.seq = this.#loss.after.seq;
    this.#served = this.#start.positions;
    this.#isOwn = false;
    this.#loss = null;
    this.#front = null;
  }

  /** Why not everything that comes next can be served; `null` if it can. */
  gapReason({ firstSeq }: Pick<LogWindow, "firstSeq">): GapReason | null {
    return this.#loss?.why ?? (this.seq < firstSeq ? "left the window" : null);
  }

  #serve(partition: number, position: number): void {
    const served = this.#isOwn ? this.#served as number[] : [...this.#served];
    served[partition] = position;
    this.#served = served;
    this.#isOwn = true;
  }

  #hasServed({ partition, offset }: Entry): boolean {
    return offset < (this.#served[partition] ?? 0);
  }
}

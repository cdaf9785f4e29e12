/**
 * A reader's own position in the log, while it is not at the live end and is served from the window.
 */
import type { Target } from "../protocol/target.ts";
import type { Positions } from "./cursor.ts";
import type { Lost, ResumePoint } from "./stream.ts";
import type { Entry, LogWindow } from "./window.ts";

/** Why a reader can't be served everything that it has not got yet. */
export type LossReason = "left the window" | "lost by the log";

/** What an entry means to its reader. */
export type EntryUse =
  /** The reader has it: its cursor named a later place of the partition. */
  | "had"
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
  readonly #served: number[];
  #timeMs: number;
  #isLost = false;
  /** No reload between the position and this seq is needed, as the one at this seq is later. */
  #laterReload = 0;

  constructor({ seq, positions, timeMs }: ResumePoint) {
    this.seq = seq;
    this.#served = [...positions];
    this.#timeMs = timeMs;
  }

  /** The offset up to which the reader has everything, by partition. */
  get served(): Positions {
    return this.#served;
  }

  /** Milliseconds since 1970: no record before the cursor from which it has resumed is newer. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** Goes back in front of an entry. */
  goBackTo({ seq, partition, offset }: Entry): void {
    this.seq = seq;
    this.#served[partition] = offset;
  }

  /** Goes on from a later place, in each partition in which the point is later. */
  skipTo({ positions, timeMs }: ResumePoint): void {
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    for (const [partition, position] of positions.entries()) {
      this.#served[partition] = Math.max(position, this.#served[partition] ?? 0);
    }
  }

  /** Goes on behind the next entry for a target. */
  pass(entry: Entry, { target, window }: { target: Target; window: LogWindow }): EntryUse {
    const { seq, partition, offset, delivery } = entry;
    this.seq = seq + 1;
    if (this.#hasServed(entry)) return "had";
    this.#served[partition] = offset + 1;
    if (delivery.does === "update") return "update";
    if (seq < this.listedUntil || seq < this.#laterReload) return "in a later list";
    for (const later of window.entriesFor(target, this.seq)) {
      if (later.delivery.does === "reload" && !this.#hasServed(later)) {
        this.#laterReload = later.seq;
      }
    }
    return seq < this.#laterReload ? "in a later list" : "reload";
  }

  /** Notes that records which the reader has not got were lost (DEL12). */
  lose({ partition, from }: Pick<Lost, "partition" | "from">): void {
    this.#served[partition] = Math.min(from, this.#served[partition] ?? 0);
    this.#isLost = true;
  }

  /** Why not everything that comes next can be served; `null` if it can. */
  lossReason({ firstSeq }: Pick<LogWindow, "firstSeq">): LossReason | null {
    if (this.#isLost) return "lost by the log";
    return this.seq < firstSeq ? "left the window" : null;
  }

  #hasServed({ partition, offset }: Entry): boolean {
    return offset < (this.#served[partition] ?? 0);
  }
}

/**
 * Breaks in the log: what comes next does not follow what came before. The stream notes them, and
 * each subscription that they concern begins anew.
 */
import type { CursorCodec, Positions } from "./cursor.ts";
import type { ResumePoint } from "./window.ts";

/** What happened to the log. Operators read it at `/why`. */
export type LossReason =
  /** The records were no longer in the log before they were read (DEL12). */
  | "lost by the log"
  /** The log went back in front of a position: its offsets stand for other records (DEL13). */
  | "log cut back"
  /** The topic was made again (DEL13). */
  | "log replaced"
  /** Records could not be decoded, so nobody knows for whom they were (KAF9). */
  | "records set aside";

/** A break, as operators see it. */
export interface LossReport {
  readonly why: LossReason;
  /** The records that are concerned; `null` if these are all records of the log. */
  readonly records: {
    readonly partition: number;
    /** The offset of the first one. */
    readonly from: number;
    /** The offset after that of the last one. */
    readonly to: number;
  } | null;
  /** When it was noticed, in milliseconds since 1970. */
  readonly at: number;
}

/** A break, as subscriptions take it. */
export interface Loss {
  readonly why: LossReason;
  /** The seq of the break in the window: entries before the break have a lower one, later ones a higher one. */
  readonly seq: number;
  /** Where a live subscription was before the break. */
  readonly before: ResumePoint;
  /** Where a subscription goes on after it. */
  readonly after: ResumePoint;
  /** Writes cursors of places before the break. */
  readonly codec: Pick<CursorCodec, "encode">;
}

/** The part of a reader's position that counts here. */
interface Place {
  readonly served: Positions;
  readonly front: string | null;
}

/**
 * Whether a reader is behind a loss already: its cursor is of an instance that was ahead, where its client
 * was told of the loss.
 */
export function isBehind(
  { before, after }: { readonly [end in "before" | "after"]: Pick<ResumePoint, "positions"> },
  { served, front }: Place,
): boolean {
  // What it was served before an earlier loss may be of another log.
  return front === null &&
    after.positions.every((to, partition) =>
      to === before.positions[partition] || (served[partition] ?? 0) >= to
    );
}

/**
 * A cursor in front of a loss. It gets the list (DEL6), or everything from the beginning of the log: its
 * time says that no record is in front of its place.
 *
 * @param position The reader's; without it, the reader was live
 */
export function cursorInFrontOf(
  { codec, before }: Loss,
  position?: Place,
): string {
  return position?.front ??
    codec.encode({ positions: position?.served ?? before.positions, times: [], timeMs: 0 });
}

/**
 * Where in the log a command may subscribe.
 */
import type { Positions } from "./cursor.ts";
import { isDoneWithin } from "../util/delay.ts";
import type { ResumePoint, ResumeRefusal, Stream } from "./stream.ts";
import type { Target } from "../protocol/target.ts";

/** Milliseconds within which the leaders have to tell the ends of their partitions. */
const ASK_MS = 3000;

/** What commands that subscribe need to know of the log. */
export interface ResumePoints {
  /**
   * Finds the place of a client's cursor.
   *
   * @returns Why not, where it can't be resumed from there (DEL6)
   */
  locate(since: unknown, target: Target): Promise<ResumePoint | ResumeRefusal>;
  /** The seq of what will be read next. */
  readonly nextSeq: number;
  /** The cursor of the live end. */
  readonly cursor: string;
}

/** Makes {@linkcode ResumePoints}. */
export function createResumePoints({ stream, askEnds }: {
  stream: Stream;
  /** Asks the leaders for the ends of all partitions; rejects where they can't be asked. */
  askEnds: () => Promise<Positions>;
}): ResumePoints {
  let asking: Promise<Positions> | undefined;

  /** Whether the log goes as far. */
  async function reaches(positions: Positions): Promise<boolean> {
    const isShared = asking !== undefined;
    const asked = asking ??= askEnds().finally(() => asking = undefined);
    try {
      if (!await isDoneWithin(ASK_MS, asked)) return false;
      const ends = await asked;
      const isThere = positions.length <= ends.length &&
        positions.every((position, partition) => position <= (ends[partition] ?? 0));
      // Who was asked before this client came may have answered before that was written.
      return isThere || (isShared && await reaches(positions));
    } catch {
      return false;
    }
  }

  return {
    async locate(since, target) {
      const cursor = stream.decode(since);
      if (!cursor) return "unreadable";
      if (stream.isAhead(cursor.positions) && !await reaches(cursor.positions)) {
        return "past_the_end";
      }
      return stream.locate(cursor, target);
    },
    get nextSeq() {
      return stream.window.nextSeq;
    },
    get cursor() {
      return stream.cursor;
    },
  };
}

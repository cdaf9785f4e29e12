/**
 * Finds the place in the log from which a subscription is served: the place that a client's cursor
 * names, or the live end. Commands that subscribe ask here.
 */
import type { Positions, ResumeRefusal } from "./cursor.ts";
import { isDoneWithin } from "../util/delay.ts";
import type { Stream } from "./stream.ts";
import type { Target } from "../protocol/target.ts";
import type { ResumePoint } from "./window.ts";

/** Milliseconds for the leaders to report the ends of their partitions. */
const ASK_MS = 3000;

/** What {@linkcode ResumePoints} needs. */
export interface ResumePointsOptions {
  readonly stream: Stream;
  /** Asks the leaders for the ends of all partitions. Rejects if they can't be asked. */
  readonly askEnds: () => Promise<Positions>;
}

/** Finds the places from which commands subscribe. */
export class ResumePoints {
  readonly #stream: Stream;
  readonly #askEnds: ResumePointsOptions["askEnds"];
  /** The question that is under way. */
  #asking: Promise<Positions> | undefined;
  /** The question that is asked when that one is answered. All clients who ask meanwhile share it. */
  #next: Promise<Positions> | undefined;

  constructor({ stream, askEnds }: ResumePointsOptions) {
    this.#stream = stream;
    this.#askEnds = askEnds;
  }

  /** The `seq` of the next entry of the window. */
  get nextSeq(): number {
    return this.#stream.window.nextSeq;
  }

  /** How many breaks in the log there were. A place that was found before a break must not be used. */
  get breaks(): number {
    return this.#stream.breaks;
  }

  /** The cursor of the live end. */
  get cursor(): string {
    return this.#stream.cursor;
  }

  /**
   * Finds the place that a client's cursor names.
   *
   * @returns The place, or why the client can't resume from its cursor (DEL6)
   */
  async locate(since: unknown, target: Target): Promise<ResumePoint | ResumeRefusal> {
    const cursor = this.#stream.decode(since);
    if (!cursor) return "unreadable";
    if (this.#stream.isOfOtherLog(cursor)) return "other_log";
    if (this.#stream.isAhead(cursor.positions) && !await this.#reaches(cursor.positions)) {
      return "past_the_end";
    }
    return this.#stream.locate(cursor, target);
  }

  /** Whether the log has everything before these positions; false if the leaders can't be asked. */
  async #reaches(positions: Positions): Promise<boolean> {
    const asked = this.#ask();
    try {
      if (!await isDoneWithin(ASK_MS, asked)) return false;
      const ends = await asked;
      return positions.length <= ends.length &&
        positions.every((position, partition) => position <= (ends[partition] ?? 0));
    } catch {
      return false;
    }
  }

  /**
   * Asks for the ends. A question that is under way may be answered before this client's records were
   * written, so it is not shared: the next one is.
   */
  #ask(): Promise<Positions> {
    if (this.#asking) return this.#next ??= this.#asking.then(() => this.#ask(), () => this.#ask());
    this.#next = undefined;
    return this.#asking = this.#askEnds().finally(() => this.#asking = undefined);
  }
}

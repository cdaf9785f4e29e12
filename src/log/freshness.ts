/**
 * Whether this instance is up to date with the log (DEL10). A partition is fresh if it was read up
 * to an end that its leader reported recently. The reader passes the ends on to this module, and
 * `sessions/stream_status.ts` tells clients if the stream is no longer fresh.
 */
import type { Positions } from "./cursor.ts";

/** The ends of all partitions, as their leaders reported them in one answer. */
export interface Ends {
  readonly ends: Positions;
  /** When the leaders were asked, in milliseconds since 1970. */
  readonly askedAt: number;
}

/** Judges whether the stream is fresh. */
export class Freshness {
  readonly #afterMs: number;
  readonly #startedAt: number;
  /**
   * By partition: the latest time at which its leader was asked for an end that was reached since.
   * Before that, the time at which the partition was found.
   */
  readonly #freshAt: number[] = [];
  /** Ends that have not been reached in all partitions yet, the oldest first. */
  #told: Ends[] = [];
  #latest: Ends | undefined;

  /**
   * @param options.afterMs Milliseconds after which a partition is stale
   * @param options.now Milliseconds since 1970
   */
  constructor({ afterMs, now }: { afterMs: number; now: number }) {
    this.#afterMs = afterMs;
    this.#startedAt = now;
  }

  /** Notes ends that the leaders reported. */
  tell(ends: Ends): void {
    this.#told.push(ends);
    this.#latest = ends;
  }

  /** The ends that were noted last; `undefined` if there were none yet. */
  get latest(): Ends | undefined {
    return this.#latest;
  }

  /**
   * For how many milliseconds the stalest partition has not been fresh.
   *
   * @param positions How far each partition has been read
   * @param now Milliseconds since 1970
   * @returns `null` if all partitions are fresh
   */
  staleForMs(positions: Positions, now: number): number | null {
    for (const { ends, askedAt } of this.#told) {
      for (const [partition, end] of ends.entries()) {
        if ((positions[partition] ?? 0) >= end) this.#freshAt[partition] = askedAt;
      }
    }
    this.#told = this.#told.filter(({ ends, askedAt }) =>
      now - askedAt <= this.#afterMs &&
      ends.some((end, partition) => (positions[partition] ?? 0) < end)
    );
    const stalest = positions.length === 0
      ? this.#startedAt
      : Math.min(...positions.map((_, partition) => this.#freshAt[partition] ??= now));
    const staleMs = now - stalest;
    return staleMs > this.#afterMs ? staleMs : null;
  }
}

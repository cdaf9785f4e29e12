/**
 * Whether what is read of the log is recent (DEL10): each partition has to have been read, not long
 * ago, up to an end that its leader told.
 */
import type { Positions } from "./cursor.ts";

/** The ends of all partitions, as their leaders told them. */
export interface Ends {
  readonly ends: Positions;
  /** When they were asked, in milliseconds since 1970. */
  readonly askedAt: number;
}

/** Judges how recent the stream is. */
export class Freshness {
  readonly #afterMs: number;
  readonly #startedAt: number;
  /** By partition: when an end was asked up to which it has been read, or when it was found. */
  readonly #freshAt: number[] = [];
  /** Those not read up to yet, the oldest first. */
  #told: Ends[] = [];
  #latest: Ends | undefined;

  constructor({ afterMs, now }: { afterMs: number; now: number }) {
    this.#afterMs = afterMs;
    this.#startedAt = now;
  }

  /** Takes ends that were told. */
  tell(ends: Ends): void {
    this.#told.push(ends);
    this.#latest = ends;
  }

  /** The ends that were told last, if any were. */
  get latest(): Ends | undefined {
    return this.#latest;
  }

  /** For how many milliseconds some partition has not been fresh; `null` where all are. */
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

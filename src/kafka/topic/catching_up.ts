/**
 * When everything has been read that could be read at the start.
 */

/**
 * Answers in a row with an earlier end, until it counts. A leader that was just elected may tell one that
 * is too early for a moment.
 */
const EARLIER_TIMES = 3;

/** The ends at the start of those partitions that have not been read up to them. */
export class CatchingUp {
  readonly #ends = new Map<number, number>();
  /** For each partition: answers in a row with an earlier end than at the start. */
  readonly #earlierTimes = new Map<number, number>();
  readonly #done = Promise.withResolvers<void>();

  /** Resolves when no partition is left, or at {@linkcode stop}. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Notes where partitions are at the start, and where they end. */
  begin(starts: Iterable<{ partition: number; position: number; end: number }>): void {
    for (const { partition, position, end } of starts) {
      if (position < end) this.#ends.set(partition, end);
    }
    this.#look();
  }

  /** Notes how far a partition has been read. */
  note(partition: number, position: number): void {
    if (position < (this.#ends.get(partition) ?? 0)) return;
    this.forget(partition);
  }

  /** Notes where a partition ends now. An earlier end than at the start means that the log was cut. */
  noteEnd(partition: number, end: number): void {
    const isEarlier = end < (this.#ends.get(partition) ?? 0);
    const times = isEarlier ? (this.#earlierTimes.get(partition) ?? 0) + 1 : 0;
    this.#earlierTimes.set(partition, times);
    if (times >= EARLIER_TIMES) this.#ends.set(partition, end);
  }

  /** Waits no more for a partition, whose end of that time may be out of reach. */
  forget(partition: number): void {
    if (this.#ends.delete(partition)) this.#look();
  }

  /** Waits for nothing any more. */
  stop(): void {
    this.#ends.clear();
    this.#look();
  }

  #look(): void {
    if (this.#ends.size === 0) this.#done.resolve();
  }
}

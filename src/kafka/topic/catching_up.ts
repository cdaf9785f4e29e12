/**
 * When everything has been read that could be read at the start.
 */

/** The ends at the start of those partitions that have not been read up to them. */
export class CatchingUp {
  readonly #ends = new Map<number, number>();
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

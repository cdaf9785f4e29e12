/**
 * How many requests one API gets at once (BCK3). An API that is slow fills its own pool only.
 */

/** Places for requests to one API, with a queue in front of them that is as long. */
export class Pool {
  readonly #size: number;
  #taken = 0;
  /** Who waits, in the order of their coming. */
  readonly #waiting = new Set<() => void>();

  /** How many requests have a place. */
  get inUse(): number {
    return this.#taken;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Waits for a place.
   *
   * @returns The function that gives the place back, or why there is none
   */
  async enter(signal: AbortSignal): Promise<(() => void) | "full" | "aborted"> {
    if (signal.aborted) return "aborted";
    if (this.#taken < this.#size) {
      this.#taken++;
    } else if (this.#waiting.size >= this.#size) {
      return "full";
    } else if (!await this.#place(signal)) {
      return "aborted";
    }
    return () => this.#leave();
  }

  /** Whether a place was handed over before the signal was aborted. */
  #place(signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const proceed = () => {
      signal.removeEventListener("abort", giveUp);
      resolve(true);
    };
    const giveUp = () => {
      this.#waiting.delete(proceed);
      resolve(false);
    };
    this.#waiting.add(proceed);
    signal.addEventListener("abort", giveUp, { once: true });
    return promise;
  }

  /** Hands the place to the next in the queue, or frees it. */
  #leave(): void {
    for (const proceed of this.#waiting) {
      this.#waiting.delete(proceed);
      return proceed();
    }
    this.#taken--;
  }
}

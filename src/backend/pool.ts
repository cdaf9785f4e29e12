/**
 * How many requests to one API run at the same time (BCK3). Each API has its own pool, so a slow API
 * does not delay requests to the others.
 */

/** Places for requests to one API, and a queue with as many places for requests that wait. */
export class Pool {
  readonly #size: number;
  #taken = 0;
  /** One callback for each request that waits, the oldest first. */
  readonly #waiting = new Set<() => void>();

  constructor(size: number) {
    this.#size = size;
  }

  /** How many requests have a place. */
  get inUse(): number {
    return this.#taken;
  }

  /** How many requests wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for a place.
   *
   * @returns The function that gives the place back, or why there is no place
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

  /** Waits until a place is handed over; gives false if the signal is aborted before that. */
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

  /** Hands the place to the request that has waited longest, or frees it. */
  #leave(): void {
    for (const proceed of this.#waiting) {
      this.#waiting.delete(proceed);
      return proceed();
    }
    this.#taken--;
  }
}

/**
 * A token bucket: it limits a rate, allows bursts, and needs no timer.
 */

/** Tokens that come at a steady rate, up to the size of the bucket. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #size: number;
  #tokens: number;
  #filledAt: number;

  constructor(
    { perSecond, burstSeconds, now }: { perSecond: number; burstSeconds: number; now: number },
  ) {
    this.#perSecond = perSecond;
    this.#size = perSecond * burstSeconds;
    this.#tokens = this.#size;
    this.#filledAt = now;
  }

  /** Takes tokens, and gives 0; or takes none, and gives the milliseconds until there are enough. */
  take(count: number, now: number): number {
    const filled = this.#tokens + (now - this.#filledAt) / 1000 * this.#perSecond;
    this.#tokens = Math.min(filled, this.#size);
    this.#filledAt = now;
    if (this.#tokens >= count) {
      this.#tokens -= count;
      return 0;
    }
    return Math.ceil((count - this.#tokens) / this.#perSecond * 1000);
  }
}

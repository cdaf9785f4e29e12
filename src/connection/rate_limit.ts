/**
 * How many requests a session may make (LIM2): a token bucket, which needs no timer.
 */

/** Seconds' worth of requests that may come at once. */
const BURST_SECONDS = 2;
/** Milliseconds without a refusal after which a session is not over the limit any more. */
const CALM_MS = 2000;
/** Milliseconds that a session may be over the limit. */
const PATIENCE_MS = 10_000;

/** The allowance of one session. */
export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;
  #overSince: number | undefined;
  #refusedAt = -Infinity;

  /** @param now Milliseconds, of a clock that does not go back; as in all that follows */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond * BURST_SECONDS;
    this.#filledAt = now;
  }

  /**
   * Takes one request from the allowance.
   *
   * @returns 0, or the milliseconds after which there is one again
   */
  take(now: number): number {
    const perSecond = this.#perSecond;
    const filled = this.#tokens + (now - this.#filledAt) / 1000 * perSecond;
    this.#tokens = Math.min(filled, perSecond * BURST_SECONDS);
    this.#filledAt = now;
    if (now - this.#refusedAt > CALM_MS) this.#overSince = undefined;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return 0;
    }
    this.#overSince ??= now;
    this.#refusedAt = now;
    return Math.ceil((1 - this.#tokens) / perSecond * 1000);
  }

  /** Whether it has been over the limit for too long. */
  isAbused(now: number): boolean {
    return this.#overSince !== undefined && now - this.#overSince >= PATIENCE_MS;
  }
}

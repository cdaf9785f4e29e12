/**
 * How many requests a session may send (LIM2): a token bucket, which needs no timer.
 */

/** The size of a burst: as many requests as are allowed in this many seconds. */
const BURST_SECONDS = 2;
/** Milliseconds without a refusal after which a session counts as within the limit again. */
const CALM_MS = 2000;
/** Milliseconds for which a session may be over the limit. */
const PATIENCE_MS = 10_000;

/** The limit of one session. All times are milliseconds of a clock that never goes back. */
export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;
  #overSince: number | undefined;
  #refusedAt = -Infinity;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond * BURST_SECONDS;
    this.#filledAt = now;
  }

  /**
   * Counts one request.
   *
   * @returns 0 if it is allowed, otherwise milliseconds after which the next one is
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

  /** Whether the session has been over the limit for too long. */
  isAbused(now: number): boolean {
    return this.#overSince !== undefined && now - this.#overSince >= PATIENCE_MS;
  }
}

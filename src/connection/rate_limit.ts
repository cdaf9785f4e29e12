/**
 * How many requests, and how many bytes, a session may send (LIM2, LIM6): token buckets, which need
 * no timer.
 */

import { BYTES_BURST_SECONDS } from "../settings/settings.ts";
import { TokenBucket } from "../util/token_bucket.ts";

/** The size of a burst: as many requests as are allowed in this many seconds. */
const BURST_SECONDS = 2;
/** Milliseconds without a refusal after which a session counts as within the limit again. */
const CALM_MS = 2000;
/** Milliseconds for which a session may be over the limit. */
const PATIENCE_MS = 10_000;

/** What a session may send in a second. */
export interface Rates {
  readonly requests: number;
  readonly bytes: number;
}

/** The limit of one session. All times are milliseconds of a clock that never goes back. */
export class RateLimit {
  readonly #requests: TokenBucket;
  readonly #bytes: TokenBucket;
  #overSince: number | undefined;
  #refusedAt = -Infinity;

  constructor({ requests, bytes }: Rates, now: number) {
    this.#requests = new TokenBucket({ perSecond: requests, burstSeconds: BURST_SECONDS, now });
    this.#bytes = new TokenBucket({ perSecond: bytes, burstSeconds: BYTES_BURST_SECONDS, now });
  }

  /**
   * Counts one request.
   *
   * @returns 0 if it is allowed, otherwise milliseconds after which the next one is
   */
  take(now: number): number {
    return this.#note(this.#requests.take(1, now), now);
  }

  /**
   * Counts the bytes of one frame.
   *
   * @returns 0 if they are allowed, otherwise milliseconds after which as many are
   */
  takeBytes(bytes: number, now: number): number {
    return this.#note(this.#bytes.take(bytes, now), now);
  }

  /**
   * Counts one request and its bytes.
   *
   * @returns 0 if both are allowed, otherwise milliseconds after which they are
   */
  takeRequest(bytes: number, now: number): number {
    return Math.max(this.takeBytes(bytes, now), this.take(now));
  }

  /** Gives back what one {@linkcode RateLimit.take} took, as that request counts elsewhere. */
  giveBack(now: number): void {
    this.#requests.take(-1, now);
  }

  /** Whether the session has been over the limit for too long. */
  isAbused(now: number): boolean {
    return this.#overSince !== undefined && now - this.#overSince >= PATIENCE_MS;
  }

  #note(retryAfterMs: number, now: number): number {
    if (now - this.#refusedAt > CALM_MS) this.#overSince = undefined;
    if (retryAfterMs > 0) {
      this.#overSince ??= now;
      this.#refusedAt = now;
    }
    return retryAfterMs;
  }
}

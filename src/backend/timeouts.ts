/**
 * Many timeouts of the same length with one timer. Each caller of an API has a timeout, and almost
 * none of them ever expires.
 */

/** What waits, but not for ever. Compared by identity. */
export interface Expiring {
  /** Called when its time is over. */
  expire(): void;
}

/** Timeouts of the same length. */
export class Timeouts {
  /** The length, in milliseconds. */
  readonly ms: number;
  /** When each one expires, by `performance.now()`. The one that expires first is in front. */
  readonly #ends = new Map<Expiring, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.ms = ms;
  }

  /** Starts the timeout of something that has none yet. */
  start(expiring: Expiring): void {
    this.#ends.set(expiring, performance.now() + this.ms);
    this.#timer ??= setTimeout(() => this.#expire(), this.ms);
  }

  /** Ends a timeout before its time. */
  end(expiring: Expiring): void {
    this.#ends.delete(expiring);
    if (this.#ends.size === 0) this.#stop();
  }

  #expire(): void {
    const now = performance.now();
    this.#timer = undefined;
    for (const [expiring, at] of this.#ends) {
      if (at > now) {
        this.#timer ??= setTimeout(() => this.#expire(), at - now);
        return;
      }
      this.#ends.delete(expiring);
      expiring.expire();
    }
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

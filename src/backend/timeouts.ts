/**
 * Many timeouts of the same length with one timer. Each caller of an API has a timeout, and almost
 * none of them ever expires.
 */

/** One timeout. */
interface Timeout {
  /** When it expires, by `performance.now()`. */
  readonly at: number;
  readonly onTimeout: () => void;
}

/** Timeouts of the same length. */
export class Timeouts {
  /** The length, in milliseconds. */
  readonly ms: number;
  /** The one that expires first is in front. */
  readonly #timeouts = new Set<Timeout>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.ms = ms;
  }

  /** Starts a timeout; gives the function that cancels it. */
  start(onTimeout: () => void): () => void {
    const timeout = { at: performance.now() + this.ms, onTimeout };
    this.#timeouts.add(timeout);
    this.#timer ??= setTimeout(() => this.#expire(), this.ms);
    return () => {
      this.#timeouts.delete(timeout);
      if (this.#timeouts.size === 0) this.#stop();
    };
  }

  #expire(): void {
    const now = performance.now();
    this.#timer = undefined;
    for (const timeout of this.#timeouts) {
      if (timeout.at > now) {
        this.#timer ??= setTimeout(() => this.#expire(), timeout.at - now);
        return;
      }
      this.#timeouts.delete(timeout);
      timeout.onTimeout();
    }
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/**
 * Many timeouts of the same length with one timer: whoever waits for a backend has one, and hardly any
 * ever ends.
 */

/** One of {@linkcode Timeouts}. */
interface Timeout {
  /** By `performance.now()`. */
  readonly at: number;
  readonly onTimeout: () => void;
}

/** Calls back after a time that is the same for all. */
export class Timeouts {
  readonly #ms: number;
  /** In the order in which they end. */
  readonly #timeouts = new Set<Timeout>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Begins one; gives the function that takes it back. */
  start(onTimeout: () => void): () => void {
    const timeout = { at: performance.now() + this.#ms, onTimeout };
    this.#timeouts.add(timeout);
    this.#timer ??= setTimeout(() => this.#end(), this.#ms);
    return () => {
      this.#timeouts.delete(timeout);
      if (this.#timeouts.size === 0) this.#stop();
    };
  }

  #end(): void {
    const now = performance.now();
    this.#timer = undefined;
    for (const timeout of this.#timeouts) {
      if (timeout.at > now) {
        this.#timer ??= setTimeout(() => this.#end(), timeout.at - now);
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

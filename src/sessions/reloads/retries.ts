/**
 * Tries again what has failed, after a while that becomes longer with each failure in a row (BCK4).
 */

/** Milliseconds until the first retry, and up to half as many more at random. The wait then doubles. */
const FIRST_MS = 5000;
/** The longest wait. Those before it have spread the retries already. */
const MAX_MS = 300_000;

/** What waits to be tried again, and how often it has failed. */
export class Retries<T> {
  readonly #timers = new Map<T, ReturnType<typeof setTimeout>>();
  /** How often each has failed in a row, if it will be tried again. */
  readonly #failures = new Map<T, number>();

  /** How many wait. */
  get size(): number {
    return this.#timers.size;
  }

  /** Calls back after some seconds, later with each failure. */
  begin(item: T, retry: () => void): void {
    this.end(item);
    const failures = this.#failures.get(item) ?? 0;
    this.#failures.set(item, failures + 1);
    const waitMs = FIRST_MS * 2 ** failures * (1 + Math.random() / 2);
    const timer = setTimeout(() => {
      this.#timers.delete(item);
      retry();
    }, Math.min(waitMs, MAX_MS));
    this.#timers.set(item, timer);
  }

  /** Does not call back any more. The failures still count. */
  end(item: T): void {
    clearTimeout(this.#timers.get(item));
    this.#timers.delete(item);
  }

  /** Forgets the failures, because there was a success. */
  succeeded(item: T): void {
    this.#failures.delete(item);
  }
}

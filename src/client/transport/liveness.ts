/**
 * Finds out whether an open line is dead.
 */

/** Milliseconds without a frame after which to probe: a little more than between cursors (DEL8). */
const QUIET_MS = 26_000;
/** Milliseconds for a probe's answer. It waits for earlier requests, and so perhaps for a backend. */
const ANSWER_MS = 12_000;

/** Watches one line after another. */
export class Liveness {
  readonly #probe: () => void;
  readonly #onDead: () => void;
  /** When the last frame came, by `performance.now()`. */
  #seenAt = 0;
  /** When the present probe must have been answered, by `performance.now()`. */
  #dueAt = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param options.probe Sends a frame that the service answers
   * @param options.onDead Called when no frame has come for too long
   */
  constructor({ probe, onDead }: { probe: () => void; onDead: () => void }) {
    this.#probe = probe;
    this.#onDead = onDead;
  }

  /** Begins with a line that has opened. */
  watch(): void {
    this.stop();
    this.seen();
    this.#wait();
  }

  /** Notes that a frame has come. */
  seen(): void {
    this.#seenAt = performance.now();
  }

  /**
   * Probes the line: without a frame within this time, in milliseconds, it is dead. A probe under way that
   * must be answered earlier is enough.
   */
  check(answerMs: number): void {
    const askedAt = performance.now();
    if (this.#dueAt <= askedAt + answerMs) return;
    this.stop();
    this.#dueAt = askedAt + answerMs;
    this.#timer = setTimeout(() => {
      this.#dueAt = Infinity;
      if (this.#seenAt < askedAt) this.#onDead();
      else this.#wait();
    }, answerMs);
    this.#probe();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Infinity;
  }

  /** Waits until the line has been quiet for too long, and then probes it. */
  #wait(): void {
    const quietMs = performance.now() - this.#seenAt;
    if (quietMs >= QUIET_MS) this.check(ANSWER_MS);
    else this.#timer = setTimeout(() => this.#wait(), QUIET_MS - quietMs);
  }
}

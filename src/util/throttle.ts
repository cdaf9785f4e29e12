/**
 * Work that many ask for, but that is done at most once in a while.
 */

/** Does its work at once if the last time is long enough ago, else once at the end of that time. */
export class Throttle {
  readonly #periodMs: number;
  readonly #work: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsked = false;

  /** @param options.periodMs Milliseconds from one time to the next */
  constructor({ periodMs, work }: { periodMs: number; work: () => void }) {
    this.#periodMs = periodMs;
    this.#work = work;
  }

  /** Asks for the work. */
  ask(): void {
    if (this.#timer !== undefined) {
      this.#isAsked = true;
      return;
    }
    this.#timer = setTimeout(() => this.#renew(), this.#periodMs);
    this.#work();
  }

  /** Ends the waiting: what was asked for is not done any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isAsked = false;
  }

  #renew(): void {
    this.#timer = undefined;
    if (!this.#isAsked) return;
    this.#isAsked = false;
    this.ask();
  }
}

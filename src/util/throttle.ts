/**
 * Work that many ask for, but that is done at most once in a while.
 */

/** Does its work at once if the last time is long enough ago, else once at the end of that time. */
export class Throttle {
  readonly #periodMs: number;
  readonly #work: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsked = false;
  #hasStopped = false;

  /** @param options.periodMs Milliseconds from one time to the next */
  constructor({ periodMs, work }: { periodMs: number; work: () => void }) {
    this.#periodMs = periodMs;
    this.#work = work;
  }

  /** Asks for the work. */
  ask(): void {
    if (this.#hasStopped) return;
    if (this.#timer !== undefined) {
      this.#isAsked = true;
      return;
    }
    this.#timer = setTimeout(() => this.#renew(), this.#periodMs);
    this.#work();
  }

  /** Stops: nothing that was asked for, or is asked for later, is done any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#hasStopped = true;
  }

  #renew(): void {
    this.#timer = undefined;
    if (!this.#isAsked) return;
    this.#isAsked = false;
    this.ask();
  }
}

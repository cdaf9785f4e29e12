/**
 * How many requests to one API may be tried again (BCK4): so few that an API that is down, or slow,
 * does not get much more than its usual load.
 */

/** Milliseconds over which requests and tries are counted, and into how many parts that is divided. */
const PERIOD_MS = 10_000;
const PARTS = 10;
const PART_MS = PERIOD_MS / PARTS;
/** Tries that are always allowed in a period, so that an API that is rarely asked is tried again. */
const FREE_TRIES = 10;

/** The budget of one API. All times are milliseconds of a clock that never goes back. */
export class RetryBudget {
  readonly #requests = new RecentCount();
  readonly #tries = new RecentCount();

  /** Counts the first try of a request. */
  noteRequest(now: number): void {
    this.#requests.add(now);
  }

  /** Takes one further try; false if the budget has none left. */
  take(now: number): boolean {
    if (this.#tries.total(now) >= this.#requests.total(now) / 10 + FREE_TRIES) return false;
    this.#tries.add(now);
    return true;
  }
}

/** Counts events of the last period, in parts of a second. */
class RecentCount {
  readonly #parts = new Array<number>(PARTS).fill(0);
  /** The number of the latest part, counted from time 0. */
  #latest = 0;
  #total = 0;

  add(now: number): void {
    this.#forget(now);
    this.#total++;
    this.#parts[this.#latest % PARTS] = (this.#parts[this.#latest % PARTS] ?? 0) + 1;
  }

  total(now: number): number {
    this.#forget(now);
    return this.#total;
  }

  #forget(now: number): void {
    const part = Math.floor(now / PART_MS);
    const steps = Math.min(part - this.#latest, PARTS);
    for (let i = 0; i < steps; i++) {
      const index = (part - i) % PARTS;
      this.#total -= this.#parts[index] ?? 0;
      this.#parts[index] = 0;
    }
    this.#latest = Math.max(this.#latest, part);
  }
}

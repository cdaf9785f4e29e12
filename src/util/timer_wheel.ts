/**
 * Many deadlines with one timer.
 */

/**
 * Calls back for each item when its deadline has passed, usually within one tick. A callback that throws
 * is reported as an uncaught error, and takes nothing from the other items.
 */
export class TimerWheel<T> {
  readonly #tickMs: number;
  readonly #onDue: (item: T) => void;
  /** By slot: the number of the tick in which its items are due, from the start of the process. */
  readonly #slots = new Map<number, Set<T>>();
  readonly #slotOf = new Map<T, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  /** The latest slot that has been worked off. */
  #now: number;
  #turnedAt = performance.now();

  /** @param options.onDue Called once for each deadline; may schedule and cancel items */
  constructor({ tickMs, onDue }: { tickMs: number; onDue: (item: T) => void }) {
    this.#tickMs = tickMs;
    this.#onDue = onDue;
    this.#now = this.#slotAt(0);
    this.#timer = setInterval(() => this.#advance(), tickMs);
  }

  /** When the wheel turned last, by `performance.now()`. */
  get turnedAt(): number {
    return this.#turnedAt;
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#slotOf.size;
  }

  /** Sets the deadline of an item. It replaces the deadline that the item may already have. */
  schedule(item: T, afterMs: number): void {
    this.cancel(item);
    const slot = Math.max(this.#slotAt(afterMs), this.#now + 1);
    const items = this.#slots.get(slot);
    if (items) items.add(item);
    else this.#slots.set(slot, new Set([item]));
    this.#slotOf.set(item, slot);
  }

  /** Removes the deadline of an item, if it has one. */
  cancel(item: T): void {
    const slot = this.#slotOf.get(item);
    if (slot === undefined) return;
    this.#slotOf.delete(item);
    const items = this.#slots.get(slot);
    items?.delete(item);
    if (items?.size === 0) this.#slots.delete(slot);
  }

  /** Removes all deadlines and stops the timer. */
  stop(): void {
    clearInterval(this.#timer);
    this.#slots.clear();
    this.#slotOf.clear();
  }

  #slotAt(afterMs: number): number {
    return Math.ceil((performance.now() + afterMs) / this.#tickMs);
  }

  #advance(): void {
    const until = Math.floor(performance.now() / this.#tickMs);
    while (this.#now < until) {
      for (const item of this.#slots.get(++this.#now) ?? []) {
        this.#slotOf.delete(item);
        this.#call(item);
      }
      this.#slots.delete(this.#now);
    }
    this.#turnedAt = performance.now();
  }

  #call(item: T): void {
    try {
      this.#onDue(item);
    } catch (defect) {
      reportError(defect);
    }
  }
}

/**
 * First-in, first-out queues that can be read by index and searched.
 */

/** A queue: items are added at the end and removed from the front. */
export class Fifo<T> {
  /** A removed item is replaced by `undefined`, so that it can be garbage-collected. */
  #items: (T | undefined)[];
  /** Where the first item that was not removed stands in `#items`. */
  #head = 0;

  /** @param items The first items. The queue takes the array over. */
  constructor(items: T[] = []) {
    this.#items = items;
  }

  /** How many items the queue has. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The item at the front; `undefined` if the queue is empty. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** The item at an index, counted from the front; `undefined` beyond the end. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  /** Replaces the item at an index, counted from the front. There must be one. */
  set(index: number, item: T): void {
    this.#items[this.#head + index] = item;
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Removes the item at the front, if there is one. */
  shift(): void {
    if (this.length === 0) return;
    this.#items[this.#head++] = undefined;
    // The array is copied only when half of it is unused, so a shift is O(1) on average.
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /**
   * Finds the first item for which a condition holds, by binary search.
   *
   * The condition must be monotonic: if it holds for an item, it holds for every item behind it.
   *
   * @returns The index of the item, counted from the front; `length` if it holds for no item
   */
  lowerBound(holds: (item: T) => boolean): number {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.#items[middle] as T)) high = middle;
      else low = middle + 1;
    }
    return low - this.#head;
  }
}

/** A queue for each key. A single item is kept without a queue, which would take more memory. */
export class FifoMap<T extends object> {
  readonly #byKey = new Map<string, T | Fifo<T>>();

  /** The queue of a key, which must not be changed; `undefined` if the key has no items. */
  get(key: string): Fifo<T> | undefined {
    const found = this.#byKey.get(key);
    return found === undefined || found instanceof Fifo ? found : new Fifo([found]);
  }

  /**
   * Adds an item at the end of a key's queue.
   *
   * @returns Whether the key had no items before
   */
  push(key: string, item: T): boolean {
    const found = this.#byKey.get(key);
    if (found instanceof Fifo) found.push(item);
    else this.#byKey.set(key, found === undefined ? item : new Fifo([found, item]));
    return found === undefined;
  }

  /**
   * Removes the item at the front of a key's queue.
   *
   * @returns Whether this was the key's last item
   */
  shift(key: string): boolean {
    const found = this.#byKey.get(key);
    if (found instanceof Fifo) {
      found.shift();
      if (found.length > 0) return false;
    }
    return this.#byKey.delete(key);
  }
}

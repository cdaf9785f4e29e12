/**
 * A queue that can be searched: added to at the end, taken from at the front.
 */

/** Elements in the order of their coming. */
export class Fifo<T> {
  /** Those that were taken are undefined, so that nothing keeps them. */
  #items: (T | undefined)[];
  /** Items in front of this one have been taken. */
  #head = 0;

  constructor(items: T[] = []) {
    this.#items = items;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** The element at an index, counted from the first. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): void {
    if (this.length === 0) return;
    this.#items[this.#head++] = undefined;
    // Half of the array is given back at a time, so that a shift costs little on average.
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The first index at which the condition holds, the length where it does nowhere; the condition must go on to hold from there. */
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

/** Queues by name; where there is a single element, it takes no queue. */
export class Fifos<T extends object> {
  readonly #byName = new Map<string, T | Fifo<T>>();

  /** The queue of a name, to be read only. */
  get(name: string): Fifo<T> | undefined {
    const found = this.#byName.get(name);
    return found === undefined || found instanceof Fifo ? found : new Fifo([found]);
  }

  /** Adds an element; gives whether it is the first of its name. */
  push(name: string, item: T): boolean {
    const found = this.#byName.get(name);
    if (found instanceof Fifo) found.push(item);
    else this.#byName.set(name, found === undefined ? item : new Fifo([found, item]));
    return found === undefined;
  }

  /** Takes the first element of a name; gives whether it was the last. */
  shift(name: string): boolean {
    const found = this.#byName.get(name);
    if (found instanceof Fifo) {
      found.shift();
      if (found.length > 0) return false;
    }
    return this.#byName.delete(name);
  }
}

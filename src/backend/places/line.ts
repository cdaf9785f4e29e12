/**
 * A line of those who wait.
 */

interface Link<T> {
  readonly item: T;
  before: Link<T> | undefined;
  after: Link<T> | undefined;
}

/**
 * A set in the order of additions whose first and last item are found at once. A `Set` of the platform
 * has no last item, and looking for its first one takes the longer, the more were deleted in front.
 */
export class Line<T> {
  readonly #links = new Map<T, Link<T>>();
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;

  get size(): number {
    return this.#links.size;
  }

  get first(): T | undefined {
    return this.#first?.item;
  }

  get last(): T | undefined {
    return this.#last?.item;
  }

  /** Adds an item at the end, unless the line has it already. */
  add(item: T): void {
    if (this.#links.has(item)) return;
    const link: Link<T> = { item, before: this.#last, after: undefined };
    this.#links.set(item, link);
    if (this.#last) this.#last.after = link;
    else this.#first = link;
    this.#last = link;
  }

  /** Takes an item out, and returns whether the line had it. */
  delete(item: T): boolean {
    const link = this.#links.get(item);
    if (!link) return false;
    this.#links.delete(item);
    const { before, after } = link;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    return true;
  }

  /** The line must not be changed while it is read. */
  *[Symbol.iterator](): Generator<T> {
    for (let link = this.#first; link; link = link.after) yield link.item;
  }
}

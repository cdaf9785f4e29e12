/**
 * Several values by key; a key without any takes nothing.
 */

const NONE: ReadonlySet<never> = new Set();

/** Sets of values, by key. */
export class MultiMap<V extends WeakKey | string> {
  /** Most keys have one value, for which a set would take more than all else that is kept of it. */
  readonly #values = new Map<string, V | Set<V>>();

  /** How many keys there are. */
  get size(): number {
    return this.#values.size;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** The values of a key, in the order of their coming. */
  get(key: string): ReadonlySet<V> {
    const values = this.#values.get(key);
    if (values === undefined) return NONE;
    return values instanceof Set ? values : new Set([values]);
  }

  add(key: string, value: V): void {
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, value);
    else if (values instanceof Set) values.add(value);
    else if (values !== value) this.#values.set(key, new Set([values, value]));
  }

  delete(key: string, value: V): void {
    const values = this.#values.get(key);
    if (values instanceof Set) values.delete(value);
    if (values === value || (values instanceof Set && values.size === 0)) this.#values.delete(key);
  }
}

/**
 * Several values by key; a key without any takes nothing.
 */

/** Sets of values, by key. */
export class MultiMap<V> {
  readonly #sets = new Map<string, Set<V>>();

  /** How many keys there are. */
  get size(): number {
    return this.#sets.size;
  }

  /** The values of a key, in the order of their coming. */
  get(key: string): Iterable<V> {
    return this.#sets.get(key) ?? [];
  }

  add(key: string, value: V): void {
    const values = this.#sets.get(key);
    if (values) values.add(value);
    else this.#sets.set(key, new Set([value]));
  }

  delete(key: string, value: V): void {
    const values = this.#sets.get(key);
    if (values?.delete(value) && values.size === 0) this.#sets.delete(key);
  }
}

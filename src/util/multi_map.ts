/**
 * A map with several values for each key.
 */

const NONE: ReadonlySet<never> = new Set();

/** A map from keys to sets of values. A key without values takes no memory. */
export class MultiMap<V extends WeakKey | string> {
  /** Most keys have one value. A set for it would take more memory than everything else. */
  readonly #values = new Map<string, V | Set<V>>();

  /** How many keys have values. */
  get size(): number {
    return this.#values.size;
  }

  /** Whether the key has values. */
  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** The values of a key, in order of their addition. Later changes may or may not show in it. */
  get(key: string): ReadonlySet<V> {
    const values = this.#values.get(key);
    if (values === undefined) return NONE;
    return values instanceof Set ? values : new Set([values]);
  }

  /** One of the values of a key; `undefined` if it has none. It takes no set, as {@linkcode get} does. */
  any(key: string): V | undefined {
    const values = this.#values.get(key);
    return values instanceof Set ? values.values().next().value : values;
  }

  /**
   * The value of a key, if the key has one alone. It takes no set, as {@linkcode get} does.
   *
   * @returns `null` if the key has no value, `undefined` if it has several, or had
   */
  only(key: string): V | null | undefined {
    const values = this.#values.get(key);
    if (values === undefined) return null;
    return values instanceof Set ? undefined : values;
  }

  /** Adds a value to a key, unless the key has it already. */
  add(key: string, value: V): void {
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, value);
    else if (values instanceof Set) values.add(value);
    else if (values !== value) this.#values.set(key, new Set([values, value]));
  }

  /** Removes a value from a key, if the key has it. */
  delete(key: string, value: V): void {
    const values = this.#values.get(key);
    if (values instanceof Set) values.delete(value);
    if (values === value || (values instanceof Set && values.size === 0)) this.#values.delete(key);
  }
}

/**
 * Random numbers of a simulation, which its seed repeats.
 *
 * A number depends on the seed, the time and the purpose only, not on how many were drawn before. So most
 * of a run stays as it was if a part of its schedule is left out.
 */

/** Random numbers. */
export class Random {
  readonly #seed: number;
  readonly #purposes = new Map<string, number>();
  /** Gives the time, in milliseconds. */
  now: () => number = () => 0;
  #at = -1;
  #drawn = 0;

  constructor(seed: number) {
    this.#seed = mix(seed, 0x9e3779b9);
  }

  /** From 0 to less than 1. */
  roll(purpose: string): number {
    const at = this.now();
    if (at !== this.#at) [this.#at, this.#drawn] = [at, 0];
    const micros = Math.floor(at * 1000) % 2 ** 32;
    const hash = mix(mix(mix(this.#seed, micros), this.#codeOf(purpose)), this.#drawn++);
    return hash / 2 ** 32;
  }

  /** From `low` to less than `high`. */
  between(low: number, high: number, purpose: string): number {
    return low + (high - low) * this.roll(purpose);
  }

  chance(probability: number, purpose: string): boolean {
    return this.roll(purpose) < probability;
  }

  #codeOf(purpose: string): number {
    let code = this.#purposes.get(purpose);
    if (code === undefined) {
      code = [...purpose].reduce((hash, char) => mix(hash, char.charCodeAt(0)), 7);
      this.#purposes.set(purpose, code);
    }
    return code;
  }
}

/** Random numbers one after another, for what is drawn before a run begins. */
export class Sequence {
  #state: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#state = mix(seed, 0x85ebca6b);
  }

  /** From 0 to 2^32 - 1. */
  bits(): number {
    return mix(this.#state, this.#drawn++);
  }

  /** From 0 to less than 1. */
  roll(): number {
    return this.bits() / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.roll();
  }

  /** An integer from `low` to `high`. */
  int(low: number, high: number): number {
    return low + this.bits() % (high - low + 1);
  }

  chance(probability: number): boolean {
    return this.roll() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.bits() % items.length] as T;
  }
}

/** Two numbers of 32 bits as one (the finalizer of MurmurHash3). */
export function mix(a: number, b: number): number {
  let hash = (a ^ Math.imul(b + 0x7f4a7c15, 0xcc9e2d51)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

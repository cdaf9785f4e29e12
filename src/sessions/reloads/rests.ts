/**
 * Keys that rest for a while: meanwhile, nothing is asked for with them.
 */

/** What a {@linkcode Rests} needs. */
export interface RestsOptions {
  /** Milliseconds of a rest. */
  readonly periodMs: number;
  /** Called at the end of each rest. */
  readonly onOver: (key: string) => void;
}

/** The keys that rest. */
export class Rests {
  readonly #options: RestsOptions;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(options: RestsOptions) {
    this.#options = options;
  }

  /** Whether a key rests. */
  has(key: string): boolean {
    return this.#timers.has(key);
  }

  /** Begins the rest of a key; if it rests already, the rest begins anew. */
  begin(key: string): void {
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.#options.onOver(key);
    }, this.#options.periodMs);
    this.#timers.set(key, timer);
  }

  /** Ends all rests without calling back. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

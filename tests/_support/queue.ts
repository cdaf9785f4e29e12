/** Queues of items that arrive one by one, and deadlines for tests that wait. */

/** Milliseconds that a test waits. Generous, as it costs nothing when all is well. */
const PATIENCE_MS = 30_000;

// Taken before any test fakes them: a test that has stopped its clock still has its deadlines.
const { setTimeout, clearTimeout } = globalThis;
const now = performance.now.bind(performance);

/** Keeps items until a test asks for them, so that no test misses any. */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #takers: PromiseWithResolvers<T>[] = [];
  #end: Error | undefined;

  push(item: T): void {
    const taker = this.#takers.shift();
    if (taker) taker.resolve(item);
    else this.#items.push(item);
  }

  /** Ends the queue. Callers that wait for an item, or ask for one later, get the reason. */
  end(reason: Error): void {
    this.#end ??= reason;
    for (const taker of this.#takers.splice(0)) taker.reject(this.#end);
  }

  /** Waits for the next item, and takes it. */
  next(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    if (this.#end) return Promise.reject(this.#end);
    const taker = Promise.withResolvers<T>();
    this.#takers.push(taker);
    return taker.promise;
  }

  /** Takes all items that are there now. */
  takeAll(): T[] {
    return this.#items.splice(0);
  }
}

/**
 * Waits for a promise.
 *
 * @param what The awaited thing, for the text of the error
 * @throws {Error} The promise took too long
 */
export async function deadline<T>(
  what: string,
  promise: Promise<T>,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => timeout.reject(new Error(`Waited ${timeoutMs} ms in vain for ${what}`)),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits until a condition holds. It is for conditions that give no event.
 *
 * @throws {Error} It did not hold in time
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const startedAt = now();
  while (!await condition()) {
    if (now() - startedAt > timeoutMs) {
      throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

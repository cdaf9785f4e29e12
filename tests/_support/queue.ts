/** Things that arrive one by one, kept until they are asked for, so that no test misses one. */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #takers: PromiseWithResolvers<T>[] = [];
  #end: Error | undefined;

  push(item: T): void {
    const taker = this.#takers.shift();
    if (taker) taker.resolve(item);
    else this.#items.push(item);
  }

  /** Nothing comes any more: who waits, or asks later, gets the reason. */
  end(reason: Error): void {
    this.#end ??= reason;
    for (const taker of this.#takers.splice(0)) taker.reject(this.#end);
  }

  /** The next thing; waits for it. */
  next(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    if (this.#end) return Promise.reject(this.#end);
    const taker = Promise.withResolvers<T>();
    this.#takers.push(taker);
    return taker.promise;
  }

  /** All that is there now. */
  takeAll(): T[] {
    return this.#items.splice(0);
  }
}

/** The promise, or an error that says what was waited for. */
export async function deadline<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => timeout.reject(new Error(`Waited ${ms} ms in vain for ${what}`)),
    ms,
  );
  try {
    return await Promise.race([promise, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the condition holds; for what gives no event. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
) {
  const deadline = Date.now() + timeoutMs;
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

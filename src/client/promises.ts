/**
 * Functions for promises that not all runtimes have.
 */

/**
 * Waits for the work, but not after the signal is aborted.
 *
 * @throws The signal's reason, if the signal is aborted before the work is done
 */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { promise, reject } = withResolvers<never>();
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** `Promise.withResolvers`, which Node 20 does not have. */
export function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((...functions) => [resolve, reject] = functions);
  return { promise, resolve, reject };
}

/**
 * Tries again until the work succeeds.
 */
import { delay } from "../util/delay.ts";

/** Milliseconds between two tries. */
export const RETRY_MS = 1000;

/**
 * Runs work until it succeeds, once a second.
 *
 * @param options.onError Called with each error
 * @returns The result of the work, or `undefined` if the signal was aborted before it succeeded
 */
export async function keepTrying<T>(
  work: () => Promise<T>,
  { signal, onError }: { signal: AbortSignal; onError: (error: unknown) => void },
): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) break;
      onError(error);
      await delay(RETRY_MS, signal);
    }
  }
  return undefined;
}

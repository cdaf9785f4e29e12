/**
 * Tries again until the work succeeds, and warns about the same trouble only from time to time.
 */

import { delay } from "../util/delay.ts";

/** Milliseconds between two tries. */
const RETRY_MS = 1000;
/** Milliseconds after which a warning about the same trouble is repeated. */
const REPEAT_MS = 30_000;

/** Why a try has failed. */
export interface Trouble {
  /** Names the trouble. Two texts of the same kind describe the same trouble. */
  readonly kind: string;
  readonly text: string;
}

/**
 * Runs work until it succeeds, once a second.
 *
 * @param options.describe Describes an error; `null` if nobody needs to know about it yet
 * @param options.warn Called with the text of a trouble: when it begins, and every 30 s while it
 * lasts
 * @returns The result of the work, or `undefined` if the signal was aborted before it succeeded
 */
export async function keepTrying<T>(
  work: () => Promise<T>,
  { signal, describe, warn }: {
    signal: AbortSignal;
    describe: (error: unknown, tries: number) => Trouble | null;
    warn: (text: string) => void;
  },
): Promise<T | undefined> {
  let warned: { kind: string; at: number } | undefined;
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      return await work();
    } catch (error) {
      const trouble = describe(error, tries);
      const now = Date.now();
      if (trouble !== null && (warned?.kind !== trouble.kind || now - warned.at >= REPEAT_MS)) {
        warn(trouble.text);
        warned = { kind: trouble.kind, at: now };
      }
      await delay(RETRY_MS, signal);
    }
  }
  return undefined;
}

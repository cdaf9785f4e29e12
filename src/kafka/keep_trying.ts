/**
 * Trying until it works, and saying so without saying it all the time.
 */

import { delay } from "../util/delay.ts";

/** Milliseconds between tries. */
const RETRY_MS = 1000;
/** Milliseconds after which the same trouble is told of again. */
const REPEAT_MS = 30_000;

/** What is wrong. */
export interface Trouble {
  /** The same as long as it is the same trouble, whatever the text says of it. */
  readonly kind: string;
  readonly text: string;
}

/**
 * Runs work until it succeeds.
 *
 * @param options.describe What to say of an error; `null` where it is none yet, at the first try
 * @param options.warn Told at once, and every 30 s while it goes on
 * @returns What the work gave, or `undefined` when the signal was aborted before that
 */
export async function keepTrying<T>(
  work: () => Promise<T>,
  { signal, describe, warn }: {
    signal: AbortSignal;
    describe: (error: unknown, tries: number) => Trouble | null;
    warn: (trouble: string) => void;
  },
): Promise<T | undefined> {
  let told: { kind: string; at: number } | undefined;
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      return await work();
    } catch (error) {
      const trouble = describe(error, tries);
      const now = Date.now();
      if (trouble !== null && (told?.kind !== trouble.kind || now - told.at >= REPEAT_MS)) {
        warn(trouble.text);
        told = { kind: trouble.kind, at: now };
      }
      await delay(RETRY_MS, signal);
    }
  }
  return undefined;
}

/**
 * How long to wait before another try.
 */

/** Milliseconds of the first wait, at most. */
const FIRST_MS = 500;
/** Milliseconds of any wait, at most. */
export const MOST_MS = 20_000;

/** Milliseconds before a try, the first of which is number 0; full jitter, so that not all come at once. */
export function backoffMs(tries: number): number {
  return Math.random() * Math.min(MOST_MS, FIRST_MS * 2 ** tries);
}

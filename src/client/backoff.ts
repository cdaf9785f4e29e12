/**
 * How long to wait before another try.
 */

/** Upper bound of the first wait, in milliseconds. */
const FIRST_MS = 500;
/** Upper bound of every wait, in milliseconds. */
export const MOST_MS = 20_000;

/**
 * The milliseconds to wait before a try; the first try has the number 0. The time is random between 0
 * and its upper bound (full jitter), so that not all clients come back at once.
 */
export function backoffMs(tries: number): number {
  return Math.random() * Math.min(MOST_MS, FIRST_MS * 2 ** tries);
}

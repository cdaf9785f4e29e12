/** Clocks of benchmarks. */

/** Two clocks in milliseconds, that are compared to notice when one of them is set. */
export interface Clock {
  /** Never goes back; of this process only. */
  readonly monotonic: () => number;
  /** Since 1970. */
  readonly wall: () => number;
}

/** The clocks of the system. */
export const systemClock: Clock = { monotonic: () => performance.now(), wall: () => Date.now() };

/**
 * Milliseconds since 1970 with their fractions, the same in all processes of a machine, for as long
 * as nobody sets the clock; where somebody does, the round is invalid.
 */
export function exactNow(): number {
  return Number(Temporal.Now.instant().epochNanoseconds / 1000n) / 1000;
}

/** Clocks of benchmarks. */

/** Two clocks, in milliseconds. A comparison shows if one of them is set. */
export interface Clock {
  /** Never goes back. It is for this process only. */
  readonly monotonic: () => number;
  /** Since 1970. */
  readonly wall: () => number;
}

/** The clocks of the system. */
export const systemClock: Clock = { monotonic: () => performance.now(), wall: () => Date.now() };

/**
 * Milliseconds since 1970 with fractions. All processes of a machine share this clock. If it is set
 * during a round, the round is invalid.
 */
export function exactNow(): number {
  return Number(Temporal.Now.instant().epochNanoseconds / 1000n) / 1000;
}

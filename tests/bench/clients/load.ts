/** What producers of benchmarks are told to write. */

/** Partitions of the topics. */
export const PARTITIONS = 3;

/** Messages to write, as fast as that can be done. */
export interface Fill {
  readonly topic: string;
  readonly count: number;
  /** They go to that many users in turn, in no order that means anything to a computer. */
  readonly users: number;
  /** In front of the number of each user, for users that nobody is. */
  readonly prefix?: string;
  /** The user who is written to at the end of each partition. */
  readonly last?: string;
}

/** Messages to write at a pace, each with the time at which it was to be written. */
export interface Pace {
  readonly topic: string;
  readonly users: number;
  readonly perSecond: number;
  readonly count: number;
}

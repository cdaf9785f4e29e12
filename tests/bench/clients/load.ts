/** The messages that producers of benchmarks write. */

/** Partitions of the topics. */
export const PARTITIONS = 3;

/** Messages to write as fast as possible. */
export interface Fill {
  readonly topic: string;
  readonly count: number;
  /** The number of users to whom they go in turn, in an order without a pattern. */
  readonly users: number;
  /** A prefix for the numbers of the users, for users who are not connected. */
  readonly prefix?: string;
  /** The user of the last message of each partition. */
  readonly last?: string;
  /** How a message is written: as wss reads it, or as Centrifugo does. Default: `wss`. */
  readonly format?: "wss" | "centrifugo" | undefined;
}

/** Messages to write at a pace, each stamped with its scheduled time. */
export interface Pace {
  readonly topic: string;
  readonly users: number;
  readonly perSecond: number;
  readonly count: number;
}

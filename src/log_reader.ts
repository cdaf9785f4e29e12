/**
 * The seam behind which the log is read: Kafka, or in `deno task dev` a log of its own.
 */

/** One message of the log. */
export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, as the log has them. */
  readonly timestamp: number;
  /** `null` for a record without a value (KAF6). */
  readonly value: Uint8Array | null;
}

/** Reads every partition of the log from where it ended at the start (KAF1). */
export interface LogReader {
  /**
   * Starts reading. Resolves when the instance has caught up with the log for the first time.
   *
   * @param events.onRecords Gets records of one partition, in the order of the log; never throws
   * @param events.onFailure Called at most once, when reading can't go on
   */
  start(events: {
    onRecords: (records: readonly LogRecord[]) => void;
    onFailure: (reason: string) => void;
  }): Promise<void>;
  /** Stops reading and leaves nothing behind, also while it is starting. */
  stop(): Promise<void>;
}

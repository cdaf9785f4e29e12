/**
 * Where records come in: the interface behind which the log is read, from Kafka or, in
 * `deno task dev`, from an embedded log.
 */
import type { Positions } from "./cursor.ts";
import type { Ends } from "./freshness.ts";

/** One record of the log. */
export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, as the producer or the broker set it. */
  readonly timestamp: number;
  /** `null` for a record without a value (KAF6). */
  readonly value: Uint8Array | null;
  readonly headers?: RecordHeaders;
}

/** The headers of a record that the service uses. A missing one is `undefined`. */
export interface RecordHeaders {
  /** W3C Trace Context: the producer's span, which becomes the parent of the push's span. */
  readonly traceparent?: string | undefined;
  /** The id of the quarantined record that this record repeats. */
  readonly replays?: string | undefined;
}

/** Handles what a {@linkcode LogReader} reads. No method throws: that would end the consumer. */
export interface LogEvents {
  /**
   * A partition will be read. Called before its first record.
   *
   * @param start.position The offset at which reading starts
   * @param start.first The offset of the first record for the window. Records before it are too old
   * for the window; only their timestamps are used
   */
  onPartition(partition: number, start: { first: number; position: number }): void;
  /**
   * The next record of its partition was read.
   *
   * @returns Resolves when the next record may follow; `undefined` if it may follow at once
   */
  onRecord(record: LogRecord): Promise<void> | undefined;
  /**
   * Everything before a position was read. There may be no record just before it: the offsets of
   * transaction markers have none.
   */
  onPosition(partition: number, position: number): void;
  /** The leaders reported the ends of all partitions. */
  onEnds(ends: Ends): void;
  /** The records before a position are no longer in the log. Reading continues there (DEL12). */
  onLost(partition: number, position: number): void;
  /** The reader joined a consumer group. */
  onJoin(): void;
  /** A consumer ended by itself. If possible, reading continues with a new one. */
  onCrash(): void;
  /** Reading can't continue. Called at most once. */
  onFailure(reason: string): void;
}

/** Reads all partitions of the log (KAF1). */
export interface LogReader {
  /**
   * Starts to read, with the records since a time.
   *
   * @param options.since Milliseconds since 1970
   * @returns Resolves when all records have been read that were in the log at the start
   */
  start(events: LogEvents, options: { since: number }): Promise<void>;
  /** Asks the leaders for the ends of all partitions. Rejects if they can't be asked. */
  askEnds(): Promise<Positions>;
  /**
   * Writes a copy of a record to the log, with the header `replays`.
   *
   * @throws {Error} The log no longer has the record, or the brokers can't be reached
   */
  replay(record: Pick<LogRecord, "partition" | "offset">): Promise<void>;
  /** Stops reading, also during {@linkcode start}, and leaves nothing behind. */
  stop(): Promise<void>;
}

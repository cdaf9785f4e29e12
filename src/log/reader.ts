/**
 * The seam behind which the log is read: Kafka, or in `deno task dev` a log of its own.
 */
import type { Positions } from "./cursor.ts";
import type { Ends } from "./freshness.ts";

/** One message of the log. */
export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, as the log has them. */
  readonly timestamp: number;
  /** `null` for a record without a value (KAF6). */
  readonly value: Uint8Array | null;
  readonly headers?: RecordHeaders;
}

/** What is used of a record's headers; each `undefined` where it is not there. */
export interface RecordHeaders {
  /** W3C Trace Context: the span of the producer, whose child is what comes of the message. */
  readonly traceparent?: string | undefined;
  /** The id of the record in quarantine that was written again with this. */
  readonly replays?: string | undefined;
}

/** What comes of reading the log. None of these throws. */
export interface LogEvents {
  /**
   * A partition is read from a position on; before any record of it.
   *
   * @param start.first The first record that the window is to have: those in front of it were
   * written before the window's time, and only show when that was
   */
  onPartition(partition: number, start: { first: number; position: number }): void;
  /**
   * The next record of its partition.
   *
   * @returns Resolves when the next record may follow; `undefined` where it may at once
   */
  onRecord(record: LogRecord): Promise<void> | undefined;
  /** All in front of a position has been read, or there was nothing to be had, as of transactions. */
  onPosition(partition: number, position: number): void;
  /** The leaders have told the ends of all partitions. */
  onEnds(ends: Ends): void;
  /** What is in front of a position can't be had any more; it goes on there (DEL12). */
  onLost(partition: number, position: number): void;
  /** It has joined a consumer group. */
  onJoin(): void;
  /** A consumer has ended by itself; where it can, reading goes on with another. */
  onCrash(): void;
  /** Reading can't go on; called at most once. */
  onFailure(reason: string): void;
}

/** Reads every partition of the log (KAF1). */
export interface LogReader {
  /**
   * Starts reading, at the records since a time.
   *
   * @param options.since Milliseconds since 1970
   * @returns Resolves when everything has been read that was there at the start
   */
  start(events: LogEvents, options: { since: number }): Promise<void>;
  /** Asks the leaders for the ends of all partitions; rejects where they can't be asked. */
  askEnds(): Promise<Positions>;
  /**
   * Writes a record to the log once more, as it is, with the header `replays`.
   *
   * @throws {Error} It is no longer there, or the brokers can't be reached
   */
  replay(record: Pick<LogRecord, "partition" | "offset">): Promise<void>;
  /** Stops reading and leaves nothing behind, also while it is starting. */
  stop(): Promise<void>;
}

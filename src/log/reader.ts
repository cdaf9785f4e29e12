/**
 * Where records come in: the interface behind which the log is read, from Kafka or, in
 * `deno task dev`, from an embedded log.
 */
import type { Positions } from "./cursor.ts";

/** Where a partition ends, as its leader said. */
export interface PartitionEnd {
  /** The offset that the next record will get (the high watermark). */
  readonly end: number;
  /**
   * The offset up to which records can be read (the last stable offset). It is lower than the end
   * while a transaction is open.
   */
  readonly stableEnd: number;
}

/** The ends of some or all partitions, as their leaders said in one answer. */
export interface Ends {
  readonly ends: ReadonlyMap<number, PartitionEnd>;
  /** When the leaders were asked, in milliseconds since 1970. */
  readonly askedAt: number;
}

/** Why the log can't be read at the moment. */
export interface Trouble {
  /**
   * One of few words, such as `unauthorized`, which becomes a metric's label. Two troubles of the
   * same kind and text are the same.
   */
  readonly kind: string;
  /** Says to operators what is wrong, such as `Not authorized to read topic wss`. */
  readonly text: string;
}

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
  /** The id of the record that this record repeats, as its producer says. */
  readonly replays?: string | undefined;
}

/** Handles what a {@linkcode LogReader} reads. No method throws. */
export interface LogEvents {
  /**
   * The log was found. Called before its first partition; called again if the topic was made again
   * (DEL13): the partitions so far are gone then, and those of the new topic are opened.
   *
   * @param topic.id The topic's id; `null` if the brokers don't know ids of topics. A call with the same
   * id as before is ignored
   */
  onTopic(topic: { readonly id: string | null }): void;
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
  /** Leaders reported the ends of their partitions. */
  onEnds(ends: Ends): void;
  /** The records before a position are no longer in the log. Reading continues there (DEL12). */
  onLost(partition: number, position: number): void;
  /**
   * The log was cut back: the records from this position on, which were read, are no longer in it
   * (DEL13). Reading continues at this position, whose offsets then stand for other records.
   */
  onCut(partition: number, position: number): void;
  /**
   * Records could not be decoded, so nobody knows for whom they were (KAF9). Reading continues at
   * `to`.
   *
   * @param records.from The offset of the first one
   * @param records.to The offset after that of the last one
   * @param records.reason Why, for operators, without the content
   */
  onSetAside(
    partition: number,
    records: { readonly from: number; readonly to: number; readonly reason: string },
  ): void;
  /** The log can't be read (KAF10), or with `null`, it can be read again. Called at each change. */
  onTrouble(trouble: Trouble | null): void;
}

/** From when on to read. */
export interface StartOptions {
  readonly since: number;
  readonly readSince?: number | undefined;
}

/** Reads all partitions of the log (KAF1). */
export interface LogReader {
  /**
   * Starts to read. The window begins at a time.
   *
   * @param options.since When the window begins, in milliseconds since 1970
   * @param options.readSince When the first record that is read was written, if that is before the
   * window
   * @returns Resolves when all records have been read that could be read at the start. Nothing that
   * the log's servers answer makes it reject (KAF10): only wrong settings do
   */
  start(events: LogEvents, options: StartOptions): Promise<void>;
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

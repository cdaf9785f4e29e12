/**
 * What is decoded of a Fetch answer, and what must be known for it.
 */
import type { LogRecord } from "../../log/reader.ts";
import type { AbortedTransaction } from "../wire/fetch.ts";

/** What decoding may take (KAF11). */
export interface DecodeLimits {
  /** The most bytes of a record's value, decompressed. */
  readonly maxRecordBytes: number;
  /** The most bytes of a batch, decompressed. */
  readonly maxBatchBytes: number;
}

/** The records, and what must be known to decode them. */
export interface FetchedRecords {
  /** For the decoded records. */
  readonly partition: number;
  /** The offset that was asked for. Records before it are left out. */
  readonly position: number;
  /**
   * Where the log ends. Batches that claim to reach beyond it are broken, as the checksum does not
   * cover a batch's offset.
   */
  readonly end: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Record batches. The last one may be cut short. */
  readonly records: Uint8Array;
  /**
   * Whether the first batch must be there to its end, because this partition was asked for alone, with
   * the bytes of an {@linkcode IncompleteBatch}. If it is cut short again, it is set aside. False by
   * default.
   */
  readonly isWhole?: boolean;
}

/** Records that follow each other in one batch: all of it, or a part of it. */
export interface ReadRecords {
  readonly kind: "records";
  /**
   * In the order of the log; may be empty. Each value is a view of a larger buffer, which lives as
   * long as the value: copy it to keep it.
   */
  readonly records: readonly LogRecord[];
  /** The leader epoch of the batch; -1 if it has none. */
  readonly leaderEpoch: number;
  /** The offset to read next. */
  readonly next: number;
}

/** Records that can't be decoded (KAF9). The offset to read next is `to`. */
export interface SetAsideRecords {
  readonly kind: "setAside";
  readonly from: number;
  /** More than `from`. */
  readonly to: number;
  /** For operators, without the content. */
  readonly reason: string;
  /**
   * The leader epoch of the batch; -1 if it can't be told. The next Fetch must then say that the last
   * fetched epoch is not known (-1): with an older one, the leader would tell of a cut.
   */
  readonly leaderEpoch: number;
}

/**
 * The answer has only the beginning of its first batch. It can be had whole if this partition is asked
 * for alone, with `maxBytes` of so many bytes. Comes as the first and only part.
 */
export interface IncompleteBatch {
  readonly kind: "incomplete";
  readonly bytes: number;
}

/** What was decoded, in the order of the log. */
export type DecodedPart = ReadRecords | SetAsideRecords | IncompleteBatch;

/** The offset behind the last record of a part; 0 if there is none. */
export function endOf(part: DecodedPart): number {
  switch (part.kind) {
    case "records":
      return part.next;
    case "setAside":
      return part.to;
    case "incomplete":
      return 0;
  }
}

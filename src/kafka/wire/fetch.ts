/**
 * Fetch: the next records of partitions, from their leader. Always a full fetch, without a session
 * (KIP-227): the service reads few partitions.
 */
import { type WireApi, type WireRequest, wireRequest } from "./api.ts";
import type { WireReader } from "./wire_reader.ts";

export const FETCH: WireApi = { key: 1, name: "Fetch", min: 4, max: 13, flexible: 12 };

/** The first version that names a topic by its id. */
export const BY_TOPIC_ID = 13;

/** Where to read on in one partition. */
export interface FetchPosition {
  readonly partition: number;
  /** The offset to read next. */
  readonly offset: number;
  /** The epoch of the leader that is asked; -1 if it is not known. */
  readonly leaderEpoch: number;
  /** The epoch of the record before the offset; -1 if it is not known. Version 12 and later send it. */
  readonly lastFetchedEpoch: number;
  /** About how many bytes to answer with. The first batch is answered whole. */
  readonly maxBytes: number;
}

/** What {@linkcode fetchRequest} asks for. */
export interface FetchOptions {
  readonly topic: string;
  /** Required in version 13 and later. `null` if the brokers don't tell it. */
  readonly topicId: string | null;
  readonly positions: readonly FetchPosition[];
  /** Milliseconds for which the broker waits for a first byte. */
  readonly maxWaitMs: number;
  /** About how many bytes to answer with, for all partitions. */
  readonly maxBytes: number;
}

/** A transaction that was aborted. Its records must be left out. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** The epoch at which the log of a reader and that of the leader part (KIP-595). */
export interface DivergingEpoch {
  /** The greatest epoch that both have. */
  readonly epoch: number;
  /** Where that epoch ends in the leader's log. What was read from here on is no longer in the log. */
  readonly endOffset: number;
}

/** What a leader answers for one partition. */
export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  /** The end of the partition; -1 with some errors, such as those about epochs. */
  readonly highWatermark: number;
  /** Where the first open transaction begins, or the high watermark; -1 with some errors. */
  readonly lastStableOffset: number;
  /** The offset of the oldest record; -1 if it is not known (before version 5). */
  readonly logStartOffset: number;
  /** Set if the log was cut back behind the position (version 12 and later). */
  readonly divergingEpoch: DivergingEpoch | null;
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Record batches: a view of the answer. The last batch may be cut short. */
  readonly records: Uint8Array;
}

/** A leader's answer. */
export interface FetchAnswer {
  /** Of the whole request; 0 before version 7. */
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

/** Asks a leader for the records of committed transactions, and those without a transaction. */
export function fetchRequest(version: number, options: FetchOptions): WireRequest<FetchAnswer> {
  const { topic, topicId, positions, maxWaitMs, maxBytes } = options;
  const isById = version >= BY_TOPIC_ID;
  return wireRequest(FETCH, {
    version,
    hasThrottle: true,
    write(writer) {
      writer.int32(-1); // the replica that asks: none
      writer.int32(maxWaitMs);
      writer.int32(1); // the least bytes to answer with
      writer.int32(maxBytes);
      writer.int8(1); // only what is committed
      if (version >= 7) {
        writer.int32(0); // the session: none
        writer.int32(-1);
      }
      writer.array([topic], (name) => {
        if (isById) writer.uuid(topicId);
        else writer.string(name);
        writer.array(positions, (position) => {
          writer.int32(position.partition);
          if (version >= 9) writer.int32(position.leaderEpoch);
          writer.int64(position.offset);
          if (version >= 12) writer.int32(position.lastFetchedEpoch);
          if (version >= 5) writer.int64(-1); // where the log of a replica starts
          writer.int32(position.maxBytes);
          writer.tags();
        });
        writer.tags();
      });
      if (version >= 7) writer.array([], () => {}); // what to leave out of the session
      if (version >= 11) writer.string(""); // the rack
    },
    read(reader) {
      const errorCode = version >= 7 ? reader.int16() : 0;
      if (version >= 7) reader.int32(); // the session
      const topics = reader.array(() => {
        const name = isById ? reader.uuid() : reader.string();
        const partitions = reader.array(() => readPartition(reader, version));
        reader.skipTags();
        return { name, partitions };
      });
      const partitions = topics
        .filter(({ name }) => name === (isById ? topicId : topic))
        .flatMap(({ partitions }) => partitions);
      return { errorCode, partitions };
    },
  });
}

function readPartition(reader: WireReader, version: number): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const stableOffset = reader.int64();
  const logStartOffset = version >= 5 ? reader.int64() : -1;
  const abortedTransactions = reader.array(() => {
    const producerId = reader.int64Exact();
    const firstOffset = reader.int64();
    reader.skipTags();
    return { producerId, firstOffset };
  });
  if (version >= 11) reader.int32(); // a replica that is nearer
  const records = reader.bytes();
  let divergingEpoch: DivergingEpoch | null = null;
  reader.tags((tag) => {
    if (tag !== 0) return;
    const epoch = reader.int32();
    const endOffset = reader.int64();
    // The defaults of both mean that there is none.
    if (epoch >= 0 && endOffset >= 0) divergingEpoch = { epoch, endOffset };
  });
  return {
    partition,
    errorCode,
    highWatermark,
    // A broker that does not tell it knows no open transaction.
    lastStableOffset: stableOffset < 0 ? highWatermark : stableOffset,
    logStartOffset,
    divergingEpoch,
    abortedTransactions,
    records,
  };
}

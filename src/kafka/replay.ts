/**
 * Writes a record to the topic again, so that all instances read it again, in order.
 */
import type { Settings } from "../settings/settings.ts";
import { recordId } from "../protocol/frames.ts";
import { TimeSlice } from "../util/time_slice.ts";
import type { Brokers } from "./brokers/brokers.ts";
import type { KafkaSettings } from "./client.ts";
import { connectKafkaProducer } from "./producer.ts";
import { findRecord, type WholeRecord } from "./records/find_record.ts";
import type { TopicReading } from "./topic/topic_reading.ts";
import { RefusedError } from "./trouble.ts";
import { ErrorCode } from "./wire/error_codes.ts";
import { BY_TOPIC_ID, FETCH, type FetchedPartition, fetchRequest } from "./wire/fetch.ts";

/** Milliseconds for which a broker may be silent. */
const ANSWER_MS = 10_000;

/** What reads and writes the record. */
interface ReplayParts {
  readonly settings: KafkaSettings & Pick<Settings, "KAFKA_TOPIC" | "MAX_BATCH_BYTES">;
  readonly brokers: Pick<Brokers, "open">;
  readonly reading: Pick<TopicReading, "topicId" | "partitions">;
}

/** Where a record is. */
interface RecordPlace {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Reads a record and writes it to the same partition again, with the header `replays`.
 *
 * @throws {Error} The record is no longer in the log, or the brokers cannot be reached
 */
export async function replayRecord(place: RecordPlace, parts: ReplayParts): Promise<void> {
  const { key, value, headers } = await readRecord(place, parts);
  const producer = await connectKafkaProducer(parts.settings);
  try {
    await producer.publish({
      partition: place.partition,
      key,
      value,
      headers: { ...headers, replays: recordId(place) },
    });
  } finally {
    await producer.stop();
  }
}

async function readRecord(
  { partition, offset }: RecordPlace,
  { settings, brokers, reading: { topicId, partitions } }: ReplayParts,
): Promise<WholeRecord> {
  const reading = partitions.get(partition);
  if (!reading) throw new Error(`the topic has no partition ${partition}`);
  const connection = await brokers.open(reading.leader);
  let fetched: FetchedPartition | undefined;
  try {
    const max = topicId === null ? BY_TOPIC_ID - 1 : FETCH.max;
    const request = fetchRequest(connection.versionOf(FETCH, { max }), {
      topic: settings.KAFKA_TOPIC,
      topicId,
      // The broker answers with at least one batch, however few bytes are asked for.
      positions: [{ partition, offset, leaderEpoch: -1, lastFetchedEpoch: -1, maxBytes: 1 }],
      maxWaitMs: 0,
      maxBytes: 1,
    });
    ({ partitions: [fetched] } = await connection.send(request, { timeoutMs: ANSWER_MS }));
  } finally {
    connection.close("the record was read");
  }
  const errorCode = fetched?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) throw new Error("it is no longer in the log");
  if (!fetched || errorCode !== ErrorCode.NONE) throw new RefusedError(errorCode, "the record");
  const { abortedTransactions, records, lastStableOffset: end } = fetched;
  const record = await findRecord(
    { partition, position: offset, end, abortedTransactions, records },
    { maxBatchBytes: settings.MAX_BATCH_BYTES, slice: new TimeSlice({ pauses: true }) },
  );
  if (!record) throw new Error("it is no longer in the log");
  return record;
}

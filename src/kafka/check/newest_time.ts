/**
 * When the newest record of a partition was written.
 */
import type { BrokerConnection } from "../brokers/broker_connection.ts";
import { isControl, readHeader } from "../records/batch_header.ts";
import { RefusedError } from "../trouble.ts";
import { ErrorCode } from "../wire/error_codes.ts";
import { BY_TOPIC_ID, FETCH, fetchRequest } from "../wire/fetch.ts";

/** Milliseconds for which a broker may be silent. */
const ANSWER_MS = 10_000;

/**
 * Reads the batch at the end of a partition. Of an empty partition it asks as well, as this shows
 * whether it may be read.
 *
 * @param options.end The offset after the newest record
 * @returns Milliseconds since 1970; `-Infinity` if there is no record
 * @throws {RefusedError} The partition can't be read
 */
export async function newestTime(
  connection: BrokerConnection,
  { topic, topicId, partition, end }: {
    topic: string;
    topicId: string | null;
    partition: number;
    end: number;
  },
): Promise<number> {
  const max = topicId === null ? BY_TOPIC_ID - 1 : FETCH.max;
  const offset = Math.max(0, end - 1);
  const request = fetchRequest(connection.versionOf(FETCH, { max }), {
    topic,
    topicId,
    // The broker answers with at least one batch, however few bytes are asked for.
    positions: [{ partition, offset, leaderEpoch: -1, lastFetchedEpoch: -1, maxBytes: 1 }],
    maxWaitMs: 0,
    maxBytes: 1,
  });
  const { errorCode, partitions: [fetched] } = await connection.send(request, {
    timeoutMs: ANSWER_MS,
  });
  const code = errorCode || fetched?.errorCode || ErrorCode.NONE;
  // All records may have gone by retention.
  if (code === ErrorCode.OFFSET_OUT_OF_RANGE) return -Infinity;
  if (code !== ErrorCode.NONE) throw new RefusedError(code, `records of partition ${partition}`);
  const bytes = fetched?.records ?? new Uint8Array();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view, 0);
  return typeof header === "string" || isControl(header) ? -Infinity : header.maxTimestamp;
}

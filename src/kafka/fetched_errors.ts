/**
 * What to do when a leader answers a Fetch of a partition with an error, and how to find out whether
 * its log was cut back if the broker does not tell it by itself.
 */
import type { Ends } from "../log/reader.ts";
import type { BrokerConnection } from "./brokers/broker_connection.ts";
import { RETRY_MS } from "./keep_trying.ts";
import { listOffsets } from "./brokers/offsets.ts";
import type { PartitionReading } from "./topic/partition_reading.ts";
import type { TopicReading } from "./topic/topic_reading.ts";
import { RefusedError } from "./trouble.ts";
import { ErrorCode } from "./wire/error_codes.ts";
import { LEADER_EPOCH, leaderEpochRequest } from "./wire/leader_epoch.ts";
import { EARLIEST, LATEST } from "./wire/list_offsets.ts";

/** Milliseconds for an answer. */
const ANSWER_MS = 4000;
/** Milliseconds for which a partition may have no leader, as during an election, without trouble. */
export const ELECTION_MS = 3000;

/** So often in a row, a leader may say without a pause that a position is not in the log, though it is. */
const OUT_OF_RANGE_TIMES = 2;

/** The errors that say that metadata is out of date. */
const OUT_OF_DATE: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INCONSISTENT_TOPIC_ID,
]);

/** What fetchers report. A source is `broker 1` or `partition 3`. */
export interface FetchReports {
  readonly onEnds: (ends: Ends) => void;
  /** @param options.graceMs Milliseconds after which it is trouble, if it has not passed by then */
  readonly onError: (source: string, error: unknown, options?: { graceMs?: number }) => void;
  readonly onSuccess: (source: string) => void;
  /** Called when the latest metadata must be out of date. */
  readonly onOldMetadata: () => void;
}

/** What {@linkcode FetchedErrors} needs. */
export interface FetchedErrorsParts {
  readonly topic: string;
  readonly reading: TopicReading;
  readonly reports: FetchReports;
}

/** Deals with errors of partitions. */
export class FetchedErrors {
  readonly #parts: FetchedErrorsParts;

  constructor(parts: FetchedErrorsParts) {
    this.#parts = parts;
  }

  /** Deals with the error of a partition that was asked for a position. */
  async use(
    reading: PartitionReading,
    { position, errorCode, connection }: {
      position: number;
      errorCode: number;
      connection: BrokerConnection;
    },
  ): Promise<void> {
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      await this.#moveIntoLog(reading, { position, connection });
    } else {
      this.#refuse(reading, errorCode);
    }
  }

  /** Waits before the partition is asked for again, as the leader refuses it. */
  #refuse(reading: PartitionReading, errorCode: number): void {
    const { reports } = this.#parts;
    const { partition } = reading;
    reading.retryAt = performance.now() + RETRY_MS;
    const error = new RefusedError(errorCode, `records of partition ${partition}`);
    const isOld = OUT_OF_DATE.has(errorCode);
    // Whatever is wrong with the leader, such as its disk, another one may lead by now.
    reports.onOldMetadata();
    reports.onError(`partition ${partition}`, error, { graceMs: isOld ? ELECTION_MS : 0 });
  }

  /**
   * Asks whether the positions are still in the log, if the leaders are others than before. Needed for
   * brokers before Fetch 12.
   *
   * @returns The partitions of which it is known
   */
  async validate(
    connection: BrokerConnection,
    readings: readonly PartitionReading[],
  ): Promise<readonly PartitionReading[]> {
    const changed = readings.filter((reading) => !reading.isValid);
    if (changed.length === 0) return readings;
    const { topic, reading: topicReading } = this.#parts;
    // Another leader may be known when the answer comes.
    const asked = new Map(changed.map((reading) => {
      const { partition, position, leaderEpoch } = reading;
      return [partition, { reading, position, leaderEpoch }] as const;
    }));
    const request = leaderEpochRequest(connection.versionOf(LEADER_EPOCH), {
      topic,
      questions: changed.map(({ partition, leaderEpoch, lastEpoch }) => ({
        partition,
        currentEpoch: leaderEpoch,
        epoch: lastEpoch,
      })),
    });
    for (const end of await connection.send(request, { timeoutMs: ANSWER_MS })) {
      const question = asked.get(end.partition);
      if (!question) continue;
      const { reading, position, leaderEpoch } = question;
      if (end.errorCode !== ErrorCode.NONE) {
        await this.use(reading, { position, errorCode: end.errorCode, connection });
        continue;
      }
      reading.validEpoch = leaderEpoch;
      await topicReading.cut(reading, end.endOffset < 0 ? null : end, position);
    }
    return readings.filter((reading) => reading.isValid);
  }

  /** Moves a position that is not in the log. */
  async #moveIntoLog(
    reading: PartitionReading,
    { position, connection }: { position: number; connection: BrokerConnection },
  ): Promise<void> {
    const { topic, reading: topicReading } = this.#parts;
    const { partition } = reading;
    const question = { topic, isStable: false, partitions: [reading] };
    try {
      const low = await listOffsets(connection, { ...question, timestamp: EARLIEST });
      const high = await listOffsets(connection, { ...question, timestamp: LATEST });
      const bounds = { low: toldOffset(low, partition), high: toldOffset(high, partition) };
      await topicReading.moveIntoLog(reading, bounds, position);
      const isMoved = reading.position !== position;
      if (!isMoved && reading.outOfRange > OUT_OF_RANGE_TIMES) {
        this.#refuse(reading, ErrorCode.OFFSET_OUT_OF_RANGE);
      }
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      this.#refuse(reading, error.code);
    }
  }
}

/** @throws {RefusedError} The answer does not tell it */
function toldOffset(offsets: ReadonlyMap<number, number>, partition: number): number {
  const offset = offsets.get(partition) ?? -1;
  if (offset >= 0) return offset;
  throw new RefusedError(
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    `the offsets of partition ${partition}`,
  );
}

/**
 * Reads the partitions that one broker leads, over a connection of its own: a broker that is down or
 * frozen stops only these, until others lead them.
 */
import type { PartitionEnd } from "../log/reader.ts";
import { delay } from "../util/delay.ts";
import { type BrokerConnection, UnreachableError } from "./brokers/broker_connection.ts";
import type { Brokers } from "./brokers/brokers.ts";
import { FetchedErrors, type FetchedErrorsParts } from "./fetched_errors.ts";
import { RETRY_MS } from "./keep_trying.ts";
import type { PartitionReading } from "./topic/partition_reading.ts";
import { RefusedError } from "./trouble.ts";
import { ErrorCode } from "./wire/error_codes.ts";
import {
  BY_TOPIC_ID,
  FETCH,
  type FetchAnswer,
  type FetchedPartition,
  fetchRequest,
} from "./wire/fetch.ts";

/** The most milliseconds for which a broker waits for records. */
const MAX_WAIT_MS = 1000;
/** Milliseconds for which a broker may be silent, beyond the time for which it waits for records. */
const ANSWER_MS = 4000;
/** About how many bytes to ask for: of all partitions, and of each. */
const MAX_BYTES = 10 * 2 ** 20;
const MAX_PARTITION_BYTES = 2 ** 20;
/** Milliseconds between two reports of ends. There may be many more answers. */
const ENDS_MS = 250;
/** The most milliseconds until the next Fetch, if several in a row brought nothing and did not wait. */
const EMPTY_MS = 100;
/** The first version in which a leader tells by itself where the log was cut back. */
const TELLS_CUTS = 12;

/** What a {@linkcode Fetcher} needs. */
export interface FetcherParts extends FetchedErrorsParts {
  readonly brokers: Pick<Brokers, "open">;
  readonly signal: AbortSignal;
  /** The leaders tell the end of each partition within so many milliseconds, also if nothing is written. */
  readonly endsWithinMs: number;
}

/** What was asked for, and where it was read up to at that time. */
type Asked = ReadonlyMap<number, { readonly reading: PartitionReading; readonly position: number }>;

/** Reads from one node. */
export class Fetcher {
  readonly #nodeId: number;
  readonly #parts: FetcherParts;
  readonly #errors: FetchedErrors;
  #connection: BrokerConnection | undefined;
  /** On the clock of `performance.now()`. */
  #endsToldAt = -Infinity;
  /** Fetches in a row that brought nothing and did not wait. */
  #emptyInRow = 0;
  /** Which partition is asked for first: a broker fills an answer in the order of the request. */
  #turn = 0;

  constructor(nodeId: number, parts: FetcherParts) {
    this.#nodeId = nodeId;
    this.#parts = parts;
    this.#errors = new FetchedErrors(parts);
  }

  /** Reads until the node leads no partition any more, or the signal is aborted. Never rejects. */
  async run(): Promise<void> {
    const { reading, reports, signal } = this.#parts;
    const source = `broker ${this.#nodeId}`;
    let losses = 0;
    while (!signal.aborted) {
      const led = reading.partitions.ledBy(this.#nodeId);
      if (led.length === 0) break;
      try {
        await this.#read(led);
        losses = 0;
        reports.onSuccess(source);
      } catch (error) {
        if (signal.aborted) break;
        // A connection that was lost is made again at once. It is trouble only if that fails.
        const isLost = this.#connection !== undefined && error instanceof UnreachableError;
        this.#connection?.close("it failed");
        this.#connection = undefined;
        reports.onOldMetadata();
        if (isLost && ++losses === 1) continue;
        reports.onError(source, error);
        await delay(RETRY_MS, signal);
      }
    }
    reports.onSuccess(source);
    this.#connection?.close("the broker leads no partition");
  }

  /** Reads once from all partitions that can be asked for. */
  async #read(led: readonly PartitionReading[]): Promise<void> {
    const { signal } = this.#parts;
    const startedAt = performance.now();
    const ready = led.filter(({ retryAt }) => retryAt <= startedAt);
    if (ready.length === 0) return await delay(EMPTY_MS, signal);
    const connection = await this.#connect();
    const positions = ready.map(({ position }) => position);
    await this.#fetchAll(connection, ready);
    const isEmpty = ready.every(({ position }, i) => position === positions[i]);
    const isQuick = performance.now() - startedAt < EMPTY_MS;
    this.#emptyInRow = isEmpty && isQuick ? this.#emptyInRow + 1 : 0;
    // Brokers answer a little too early now and then, before a record can be read.
    if (this.#emptyInRow > 2) await delay(Math.min(2 ** this.#emptyInRow, EMPTY_MS), signal);
  }

  async #connect(): Promise<BrokerConnection> {
    if (this.#connection && !this.#connection.isClosed) return this.#connection;
    this.#connection = undefined;
    this.#connection = await this.#parts.brokers.open(this.#nodeId);
    // Nobody knows what has become of the broker's log in the meantime.
    for (const reading of this.#parts.reading.partitions.ledBy(this.#nodeId)) {
      reading.validEpoch = -1;
    }
    return this.#connection;
  }

  async #fetchAll(connection: BrokerConnection, ready: readonly PartitionReading[]): Promise<void> {
    const { topic, reading, endsWithinMs } = this.#parts;
    const { topicId } = reading;
    const waitMs = Math.floor(Math.min(MAX_WAIT_MS, endsWithinMs));
    // Without an id, the topic can only be named.
    const max = topicId === null ? BY_TOPIC_ID - 1 : FETCH.max;
    const version = connection.versionOf(FETCH, { max });
    const known = version < TELLS_CUTS ? await this.#errors.validate(connection, ready) : ready;
    if (known.length === 0) return;
    const large = known.find(({ batchBytes }) => batchBytes > 0);
    const wanted = large ? [large] : known;
    const asked: Asked = new Map(
      wanted.map((reading) => [reading.partition, { reading, position: reading.position }]),
    );
    const askedAt = Date.now();
    const answer = await connection.send(
      fetchRequest(version, {
        topic,
        topicId,
        positions: this.#rotated(wanted).map((reading) => ({
          partition: reading.partition,
          offset: reading.position,
          leaderEpoch: reading.leaderEpoch,
          lastFetchedEpoch: reading.lastEpoch,
          maxBytes: Math.max(MAX_PARTITION_BYTES, reading.batchBytes),
        })),
        maxWaitMs: waitMs,
        maxBytes: Math.max(MAX_BYTES, large?.batchBytes ?? 0),
      }),
      { timeoutMs: waitMs + ANSWER_MS },
    );
    if (reading.topicId === topicId) await this.#take(answer, { asked, askedAt, connection });
  }

  async #take(
    { errorCode, partitions }: FetchAnswer,
    { asked, askedAt, connection }: {
      asked: Asked;
      askedAt: number;
      connection: BrokerConnection;
    },
  ): Promise<void> {
    if (errorCode !== ErrorCode.NONE) {
      throw new RefusedError(errorCode, `records from ${connection.address}`);
    }
    this.#tellEnds(partitions, askedAt);
    const { reading: topic, reports } = this.#parts;
    for (const fetched of partitions) {
      const { reading, position } = asked.get(fetched.partition) ?? {};
      if (!reading || position === undefined) continue;
      if (fetched.errorCode !== ErrorCode.NONE) {
        await this.#errors.use(reading, { position, errorCode: fetched.errorCode, connection });
        continue;
      }
      reports.onSuccess(`partition ${reading.partition}`);
      reading.outOfRange = 0;
      topic.noteEnd(reading, fetched.lastStableOffset);
      const { divergingEpoch } = fetched;
      if (divergingEpoch) await topic.cut(reading, divergingEpoch, position);
      else if (fetched.records.length > 0) await topic.take(reading, fetched, position);
    }
  }

  /** Reports the ends that came with an answer. */
  #tellEnds(partitions: readonly FetchedPartition[], askedAt: number): void {
    const now = performance.now();
    if (now - this.#endsToldAt < ENDS_MS) return;
    this.#endsToldAt = now;
    const ends = new Map<number, PartitionEnd>();
    for (const { partition, errorCode, highWatermark, lastStableOffset } of partitions) {
      if (errorCode !== ErrorCode.NONE || highWatermark < 0) continue;
      ends.set(partition, { end: highWatermark, stableEnd: lastStableOffset });
    }
    if (ends.size > 0) this.#parts.reports.onEnds({ ends, askedAt });
  }

  #rotated<T>(items: readonly T[]): T[] {
    const start = this.#turn++ % items.length;
    return [...items.slice(start), ...items.slice(0, start)];
  }
}

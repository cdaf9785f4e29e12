/**
 * Reads the topic: the way of a Kafka message begins here.
 *
 * Every instance reads every partition (KAF1), without a consumer group: a {@linkcode TopicReading}
 * keeps the positions, a {@linkcode Fetcher} for each broker reads the partitions that it leads, and a
 * {@linkcode TopicWatch} finds out which these are. Nothing that Kafka does ends one of them (KAF10).
 */
import { getLogger } from "@logtape/logtape";
import type { Positions } from "../log/cursor.ts";
import type { LogEvents, LogReader, LogRecord, StartOptions } from "../log/reader.ts";
import type { Settings } from "../settings/settings.ts";
import { Brokers } from "./brokers/brokers.ts";
import { clientOptions, type KafkaSettings } from "./client.ts";
import { ELECTION_MS } from "./fetched_errors.ts";
import { Fetcher, type FetcherParts } from "./fetcher.ts";
import { keepTrying } from "./keep_trying.ts";
import { listAllOffsets } from "./brokers/offsets.ts";
import { noteLeaders } from "./note_leaders.ts";
import { replayRecord } from "./replay.ts";
import { checkTopic } from "./topic/check_topic.ts";
import { TopicFollower } from "./topic/topic_follower.ts";
import { type PartitionStart, TopicReading } from "./topic/topic_reading.ts";
import { TopicWatch } from "./topic/topic_watch.ts";
import { troubleOf, Troubles } from "./trouble.ts";
import { EARLIEST, LATEST } from "./wire/list_offsets.ts";

const logger = getLogger(["wss", "kafka"]);

/** Milliseconds between two looks for new partitions (KAF8), and for a topic that was made again. */
const METADATA_MS = 20_000;
/**
 * Milliseconds for which there may be trouble of some kinds before it is told: the first question may
 * have made the topic, and leaders are elected.
 */
const GRACE_MS: Readonly<Record<string, number>> = { missing_topic: 500, no_leader: ELECTION_MS };

/** The settings of the reader. */
export type KafkaReaderSettings =
  & KafkaSettings
  & Pick<
    Settings,
    "KAFKA_TOPIC" | "MAX_RECORD_BYTES" | "MAX_BATCH_BYTES" | "DEGRADED_AFTER_SECONDS"
  >;

/** What else a reader may be given. */
export interface KafkaReaderOptions {
  /** Milliseconds between two looks for new partitions; 20 s by default. */
  readonly metadataMs?: number;
}

/** What reads, between a start and its end. */
interface Parts {
  readonly brokers: Brokers;
  readonly watch: TopicWatch;
  readonly reading: TopicReading;
  readonly troubles: Troubles;
  readonly fetcher: FetcherParts;
}

/** The {@linkcode LogReader} of a Kafka topic. */
export class KafkaReader implements LogReader {
  readonly #settings: KafkaReaderSettings;
  readonly #metadataMs: number;
  readonly #stopping = new AbortController();
  readonly #fetchers = new Map<number, Promise<void>>();
  #parts: Parts | undefined;
  #starting: Promise<void> | undefined;
  #watching: Promise<void> | undefined;

  constructor(
    settings: KafkaReaderSettings,
    { metadataMs = METADATA_MS }: KafkaReaderOptions = {},
  ) {
    this.#settings = settings;
    this.#metadataMs = metadataMs;
  }

  start(events: LogEvents, options: StartOptions): Promise<void> {
    return this.#starting = this.#start(events, options);
  }

  async askEnds(): Promise<Positions> {
    const { brokers, reading } = this.#partsOrThrow();
    const ends = await listAllOffsets(brokers, {
      topic: this.#settings.KAFKA_TOPIC,
      timestamp: LATEST,
      isStable: false,
      partitions: [...reading.partitions.values()],
    });
    return [...reading.partitions.keys()].sort((a, b) => a - b).map((n) => ends.get(n) ?? 0);
  }

  async replay(record: Pick<LogRecord, "partition" | "offset">): Promise<void> {
    await replayRecord(record, { settings: this.#settings, ...this.#partsOrThrow() });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#parts?.brokers.close();
    await Promise.allSettled([this.#starting, this.#watching, ...this.#fetchers.values()]);
  }

  async #start(events: LogEvents, options: StartOptions): Promise<void> {
    const { signal } = this.#stopping;
    const parts = this.#parts = await this.#makeParts(events);
    const { reading, troubles, watch } = parts;
    const follower = new TopicFollower(reading);
    await keepTrying(() => this.#open(parts, options), {
      signal,
      onError: (error) => this.#tell("topic", error),
    });
    if (signal.aborted) return;
    this.#useLeaders(parts);
    const watching = () =>
      watch.run({
        use: async (metadata) => {
          await follower.use(metadata);
          this.#useLeaders(parts);
        },
        onError: (error) => this.#tell("topic", error),
        isTroubled: () => troubles.isAny,
      });
    this.#watching = keepTrying(watching, {
      signal,
      onError: (error) => this.#tell("topic", error),
    });
    await reading.caughtUp;
    if (signal.aborted) return;
    logger.info("Reading topic {topic} with {partitions} partitions", {
      topic: this.#settings.KAFKA_TOPIC,
      partitions: reading.partitions.size,
    });
  }

  async #makeParts(events: LogEvents): Promise<Parts> {
    const { signal } = this.#stopping;
    const {
      KAFKA_BROKERS: addresses,
      KAFKA_TOPIC: topic,
      MAX_RECORD_BYTES: maxRecordBytes,
      MAX_BATCH_BYTES: maxBatchBytes,
    } = this.#settings;
    const brokers = new Brokers(addresses, { client: await clientOptions(this.#settings), signal });
    const watch = new TopicWatch(brokers, { topic, everyMs: this.#metadataMs, signal });
    const reading = new TopicReading(events, {
      limits: { maxRecordBytes, maxBatchBytes },
      signal,
    });
    const troubles = new Troubles((trouble) => events.onTrouble(trouble));
    const fetcher = {
      topic,
      brokers,
      reading,
      reports: {
        onEnds: (ends) => events.onEnds(ends),
        onError: (source, error, options) => this.#tell(source, error, options),
        onSuccess: (source) => troubles.clear(source),
        onOldMetadata: () => watch.soon(),
      },
      signal,
      // A third of the time after which a partition is stale (DEL10).
      endsWithinMs: this.#settings.DEGRADED_AFTER_SECONDS * 1000 / 3,
    } satisfies FetcherParts;
    return { brokers, watch, reading, troubles, fetcher };
  }

  /** Opens the partitions. */
  async #open(
    { brokers, watch, reading }: Parts,
    { since, readSince = since }: StartOptions,
  ): Promise<void> {
    const metadata = await watch.ask({ isCreated: true });
    checkTopic(metadata);
    const { partitions, topicId } = metadata;
    const question = { topic: this.#settings.KAFKA_TOPIC, isStable: true, partitions };
    // The ends come first: a record that is written meanwhile belongs to the window.
    const ends = await listAllOffsets(brokers, { ...question, timestamp: LATEST });
    const [lows, firsts] = await Promise.all([
      listAllOffsets(brokers, { ...question, timestamp: EARLIEST }),
      listAllOffsets(brokers, { ...question, timestamp: since }),
    ]);
    const froms = readSince < since
      ? await listAllOffsets(brokers, { ...question, timestamp: readSince })
      : firsts;
    const starts = [...ends].sort(([a], [b]) => a - b).map(([partition, end]): PartitionStart => {
      const [first = -1, from = -1] = [firsts, froms].map((found) => found.get(partition));
      return {
        partition,
        low: lows.get(partition) ?? 0,
        end,
        first: first < 0 ? end : first,
        from: from < 0 ? end : from,
      };
    });
    reading.open(topicId, starts);
    reading.partitions.follow(partitions);
  }

  /** Reads from the leaders that metadata names. */
  #useLeaders(parts: Parts): void {
    noteLeaders(parts.reading.partitions, {
      troubles: parts.troubles,
      onError: (source, error, options) => this.#tell(source, error, options),
    });
    this.#startFetchers(parts);
  }

  /** Starts a fetcher for each node that leads partitions and has none. */
  #startFetchers(parts: Parts): void {
    for (const nodeId of parts.reading.partitions.leaders) {
      if (this.#stopping.signal.aborted || this.#fetchers.has(nodeId)) continue;
      const fetcher = new Fetcher(nodeId, parts.fetcher);
      const running = keepTrying(() => fetcher.run(), {
        signal: this.#stopping.signal,
        onError: (error) => this.#tell(`broker ${nodeId}`, error),
      }).then(() => {
        this.#fetchers.delete(nodeId);
        // The node may have come to lead partitions again in the meantime.
        this.#startFetchers(parts);
      });
      this.#fetchers.set(nodeId, running);
    }
  }

  #tell(source: string, error: unknown, { graceMs }: { graceMs?: number } = {}): void {
    const trouble = troubleOf(error, this.#settings);
    logger.debug("Trouble with {source}: {error}", { source, error });
    this.#parts?.troubles.tell(source, trouble, {
      graceMs: graceMs ?? GRACE_MS[trouble.kind] ?? 0,
    });
  }

  #partsOrThrow(): Parts {
    if (!this.#parts) throw new Error("The reader was not started");
    return this.#parts;
  }
}

/**
 * Reads the topic: the way of a Kafka message begins here.
 *
 * Every instance reads every partition (KAF1). Nothing is committed: a {@linkcode TopicReading}
 * keeps the positions. It outlives the consumers, each of which has a group of its own.
 */
import { getLogger } from "@logtape/logtape";
import type { Positions } from "../log/cursor.ts";
import type { LogEvents, LogReader, LogRecord } from "../log/reader.ts";
import type { Settings } from "../settings/settings.ts";
import { delay } from "../util/delay.ts";
import { GroupConsumer, type GroupConsumerSettings } from "./group_consumer.ts";
import { keepTrying } from "./keep_trying.ts";
import { replayRecord } from "./replay.ts";
import { TopicAdmin } from "./topic_admin.ts";
import { TopicReading } from "./topic_reading.ts";
import { isMissingTopic, troubleOf } from "./trouble.ts";

const logger = getLogger(["wss", "kafka"]);

/** Milliseconds after which a new consumer replaces one that has ended by itself. */
const RESTART_MS = 500;

/** The settings of the reader. */
export type KafkaReaderSettings =
  & GroupConsumerSettings
  & Pick<Settings, "DEGRADED_AFTER_SECONDS">;

/** What else a reader may be given. */
export interface KafkaReaderOptions {
  /**
   * Milliseconds without a heartbeat after which the brokers drop this reader's consumer; 30 s by
   * default. The brokers may have a minimum, 6 s by default.
   */
  readonly sessionTimeoutMs?: number;
}

/** The {@linkcode LogReader} of a Kafka topic. */
export class KafkaReader implements LogReader {
  readonly #settings: KafkaReaderSettings;
  readonly #options: KafkaReaderOptions;
  /** Milliseconds between two questions for the ends of the partitions. */
  readonly #askMs: number;
  readonly #stopping = new AbortController();
  /** The groups of all consumers so far, to be deleted at the end. */
  readonly #groupIds: string[] = [];
  #admin: TopicAdmin | undefined;
  #consumer: GroupConsumer | undefined;
  #starting: Promise<void> | undefined;
  #restarting: Promise<void> | undefined;
  #askTimer: ReturnType<typeof setInterval> | undefined;

  constructor(settings: KafkaReaderSettings, options: KafkaReaderOptions = {}) {
    this.#settings = settings;
    this.#options = options;
    this.#askMs = settings.DEGRADED_AFTER_SECONDS * 1000 / 3;
  }

  start(events: LogEvents, { since }: { since: number }): Promise<void> {
    return this.#starting = this.#start(new TopicReading(events), since);
  }

  async askEnds(): Promise<Positions> {
    if (!this.#admin) throw new Error("Not connected");
    return (await this.#admin.bounds()).map(({ high }) => high);
  }

  replay({ partition, offset }: Pick<LogRecord, "partition" | "offset">): Promise<void> {
    const onGroup = (groupId: string) => this.#groupIds.push(groupId);
    return replayRecord(this.#settings, { partition, offset, onGroup });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#askTimer);
    await Promise.allSettled([this.#starting, this.#restarting]);
    await this.#consumer?.disconnect();
    const groupIds = this.#groupIds;
    try {
      await this.#admin?.deleteGroups(groupIds);
    } catch (error) {
      // The groups are empty and have no offsets, so the brokers drop them after a while.
      logger.debug("Cannot delete all of the groups {groupIds}: {error}", { groupIds, error });
    }
    await this.#admin?.disconnect();
  }

  async #start(reading: TopicReading, since: number): Promise<void> {
    const { signal } = this.#stopping;
    const admin = this.#admin = await TopicAdmin.create(this.#settings, {
      requestTimeoutMs: this.#askMs,
    });
    await this.#keepTrying(async () => {
      await admin.connect();
      this.#consumer ??= await this.#connect(reading);
      // Asked before the consumer joins: records that are written meanwhile must not be missed.
      const firsts = await admin.firstOffsetsSince(since);
      for (const bounds of await admin.bounds()) {
        reading.open(bounds, firsts.get(bounds.partition) ?? bounds.low);
      }
    });
    if (signal.aborted) return;

    await this.#consumer?.run();
    if (signal.aborted) return;
    const ask = () => this.#askBounds(admin, reading);
    ask();
    this.#askTimer = setInterval(ask, this.#askMs);
    signal.addEventListener("abort", () => reading.stop());
    await reading.caughtUp;
    if (signal.aborted) return;
    logger.info("Reading topic {topic} with {partitions} partitions", {
      topic: this.#settings.KAFKA_TOPIC,
      partitions: reading.positions.size,
    });
  }

  /** Runs work until it succeeds or the reader is stopped. */
  async #keepTrying(work: () => Promise<void>): Promise<void> {
    await keepTrying(work, {
      signal: this.#stopping.signal,
      // The first look does not find a topic that the brokers are just creating.
      describe: (error, tries) =>
        isMissingTopic(error) && tries === 1 ? null : troubleOf(error, this.#settings),
      warn: (text) => logger.warn(`${text}; trying again until it works`),
    });
  }

  async #connect(reading: TopicReading): Promise<GroupConsumer> {
    const consumer = await GroupConsumer.connect(this.#settings, {
      ...this.#options,
      events: {
        onJoin: (partitions) => this.#onJoin(partitions, reading),
        onBatch: (batch) => reading.take(batch),
        onEmptyBatch: (partition, position) => reading.advance(partition, position),
        onCrash: (error, { again }) => {
          if (this.#stopping.signal.aborted) return;
          this.#onCrash(error, { again, reading });
        },
      },
    });
    this.#groupIds.push(consumer.groupId);
    return consumer;
  }

  #onJoin(partitions: readonly number[], reading: TopicReading): void {
    const groupId = this.#consumer?.groupId;
    logger.info("Joined the consumer group {groupId}", { groupId });
    reading.events.onJoin();
    for (const partition of partitions) {
      if (reading.positions.has(partition)) continue;
      logger.info("Partition {partition} is new; it is read from its beginning", { partition });
      reading.openNew(partition);
    }
    for (const [partition, position] of reading.positions) {
      this.#consumer?.seek(partition, position);
    }
    reading.noteCaughtUp();
  }

  #onCrash(
    error: Error,
    { again, reading }: { again: boolean; reading: TopicReading },
  ): void {
    reading.events.onCrash();
    if (!again) return reading.events.onFailure(`The Kafka consumer can't go on: ${error.message}`);
    const { text } = troubleOf(error, this.#settings);
    logger.warn(`${text}; another consumer goes on from the same positions`);
    this.#restarting = this.#restart(reading);
  }

  async #restart(reading: TopicReading): Promise<void> {
    await delay(RESTART_MS, this.#stopping.signal);
    await this.#keepTrying(async () => {
      this.#consumer = await this.#connect(reading);
    });
    if (!this.#stopping.signal.aborted) await this.#consumer?.run();
  }

  /** Reports the ends of the partitions, and moves positions that are outside of the log into it. */
  async #askBounds(admin: TopicAdmin, reading: TopicReading): Promise<void> {
    const askedAt = Date.now();
    const before = new Map(reading.positions);
    try {
      const bounds = await admin.bounds();
      if (this.#stopping.signal.aborted) return;
      for (const [partition, position] of reading.moveIntoBounds(bounds, { before })) {
        this.#consumer?.seek(partition, position);
      }
      reading.events.onEnds({ ends: bounds.map(({ high }) => high), askedAt });
    } catch (error) {
      logger.debug("Cannot ask for the ends of the partitions: {error}", { error });
    }
  }
}

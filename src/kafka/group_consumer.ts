/**
 * One kafkajs consumer, alone in a consumer group of its own.
 *
 * kafkajs cannot read a topic without a group. Each consumer gets a new group: a consumer that was
 * cut off leaves a member behind, and in the same group the next consumer would have to wait until
 * the session of that member has timed out.
 */
import type { Batch, Consumer, Kafka } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { createKafka, type KafkaSettings } from "./client.ts";

/** Milliseconds that a broker waits for records. Stopping waits for the last such fetch. */
const FETCH_WAIT_MS = 1000;
/** Milliseconds between two looks for new partitions (KAF8). */
const METADATA_MAX_AGE_MS = 20_000;
/** Milliseconds without a heartbeat after which the brokers drop a member; kafkajs' default. */
const SESSION_TIMEOUT_MS = 30_000;
/** Heartbeats in one session timeout; as many as with the defaults of kafkajs. */
const HEARTBEATS = 10;

/** What happens to a consumer. None of these may throw or reject: that would end the consumer. */
export interface GroupEvents {
  /**
   * The consumer has all of these partitions. It must be told where to begin: nothing is committed.
   */
  onJoin(partitions: readonly number[]): void;
  /** Takes a batch. The next batch comes after the promise has resolved. */
  onBatch(batch: Batch): Promise<void>;
  /** A batch without records, such as a transaction's marks, ends in front of this position. */
  onEmptyBatch(partition: number, position: number): void;
  /** The consumer has ended by itself; `again` says whether another consumer may succeed. */
  onCrash(error: Error, crash: { again: boolean }): void;
}

/** What {@linkcode GroupConsumer.connect} takes. */
export interface GroupConsumerOptions {
  readonly events: GroupEvents;
  /**
   * Milliseconds without a heartbeat after which the brokers drop the consumer; 30 s by default.
   */
  readonly sessionTimeoutMs?: number;
}

/** The settings of a consumer. */
export type GroupConsumerSettings =
  & KafkaSettings
  & Pick<Settings, "KAFKA_TOPIC" | "KAFKA_GROUP_PREFIX">;

/** A consumer of the topic. */
export class GroupConsumer {
  readonly groupId: string;
  readonly #topic: string;
  readonly #events: GroupEvents;
  readonly #consumer: Consumer;
  /** Whether kafkajs would have restarted the consumer after its crash. */
  #mayRestart = false;

  private constructor(
    kafka: Kafka,
    { settings, events, sessionTimeoutMs = SESSION_TIMEOUT_MS }:
      & GroupConsumerOptions
      & { settings: GroupConsumerSettings },
  ) {
    const { KAFKA_GROUP_PREFIX: prefix, INSTANCE_ID: instance } = settings;
    this.groupId = `${prefix}-${instance}-${crypto.randomUUID().slice(0, 8)}`;
    this.#topic = settings.KAFKA_TOPIC;
    this.#events = events;
    this.#consumer = kafka.consumer({
      groupId: this.groupId,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: sessionTimeoutMs / HEARTBEATS,
      retry: {
        // Called if kafkajs could restart the consumer. It would do so in the same group.
        restartOnFailure: () => {
          this.#mayRestart = true;
          return Promise.resolve(false);
        },
      },
    });
    this.#listen();
  }

  /**
   * Connects a consumer to the topic. It does not run yet.
   *
   * If the topic does not exist, the brokers create it, if they are configured to.
   *
   * @throws {Error} An error of kafkajs: the consumer cannot connect
   */
  static async connect(
    settings: GroupConsumerSettings,
    options: GroupConsumerOptions,
  ): Promise<GroupConsumer> {
    const made = new GroupConsumer(await createKafka(settings), { settings, ...options });
    try {
      await made.#consumer.connect();
      // A partition without a seek, such as a new one, is read from its beginning.
      await made.#consumer.subscribe({ topic: settings.KAFKA_TOPIC, fromBeginning: true });
    } catch (error) {
      await made.disconnect();
      throw error;
    }
    return made;
  }

  /** Joins the group and begins to read. */
  run(): Promise<void> {
    return this.#consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => this.#events.onBatch(batch),
    });
  }

  /** Continues a partition at this position. */
  seek(partition: number, position: number): void {
    this.#consumer.seek({ topic: this.#topic, partition, offset: String(position) });
  }

  /** Fetches nothing more of these partitions. */
  pause(partitions: number[]): void {
    this.#consumer.pause([{ topic: this.#topic, partitions }]);
  }

  disconnect(): Promise<void> {
    return this.#consumer.disconnect();
  }

  /** Listeners are async, because one that throws synchronously would break `disconnect()`. */
  #listen(): void {
    // deno-lint-ignore require-await
    this.#consumer.on("consumer.group_join", async ({ payload }) => {
      this.#events.onJoin(payload.memberAssignment[this.#topic] ?? []);
    });
    // Batches that have only the marks of transactions appear nowhere else.
    // deno-lint-ignore require-await
    this.#consumer.on("consumer.start_batch_process", async ({ payload }) => {
      if (payload.batchSize > 0) return;
      this.#events.onEmptyBatch(payload.partition, Number(payload.lastOffset) + 1);
    });
    // deno-lint-ignore require-await
    this.#consumer.on("consumer.crash", async ({ payload }) => {
      this.#events.onCrash(payload.error, { again: this.#mayRestart });
    });
  }
}

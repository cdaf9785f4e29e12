/**
 * One kafkajs consumer, alone in a group of its own, from its connecting to its end.
 *
 * kafkajs knows no assignment without a group. The group is another one each time: a consumer that
 * was cut off has left a member behind, for which the brokers let the next to join wait until its
 * session has timed out, 30 s by default.
 */
import type { Batch } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { createKafka, type KafkaSettings } from "./client.ts";

/** Milliseconds that a broker waits for records; stopping waits for the last such fetch. */
const FETCH_WAIT_MS = 1000;
/** Milliseconds after which new partitions are looked for (KAF8). */
const METADATA_MAX_AGE_MS = 20_000;

/** What comes of it. None of these throws or rejects: that would end the consumer. */
export interface GroupEvents {
  /** It has all these partitions; with nothing committed, it is to be told where to begin. */
  onJoin(partitions: readonly number[]): void;
  /** The next batch comes when this one is done. */
  onBatch(batch: Batch): Promise<void>;
  /** A batch without records, as of transactions, ends in front of this position. */
  onEmptyBatch(partition: number, position: number): void;
  /** It has ended by itself; `again` where another consumer may fare better. */
  onCrash(error: Error, crash: { again: boolean }): void;
}

/** A consumer; connected, but not running yet. */
export interface GroupConsumer {
  readonly groupId: string;
  run(): Promise<void>;
  seek(partition: number, position: number): void;
  /** Fetches nothing more of these partitions. */
  pause(partitions: number[]): void;
  disconnect(): Promise<void>;
}

/**
 * Connects a consumer to the topic, which is created where the brokers create topics.
 *
 * @throws {Error} kafkajs' own, where that can't be done
 */
export async function connectGroupConsumer(
  settings:
    & KafkaSettings
    & Pick<Settings, "KAFKA_TOPIC" | "KAFKA_GROUP_PREFIX">,
  events: GroupEvents,
): Promise<GroupConsumer> {
  const { KAFKA_TOPIC: topic, KAFKA_GROUP_PREFIX: prefix, INSTANCE_ID: instance } = settings;
  const groupId = `${prefix}-${instance}-${crypto.randomUUID().slice(0, 8)}`;
  let again = false;
  const consumer = (await createKafka(settings)).consumer({
    groupId,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    retry: {
      // Asked where kafkajs thinks that it could go on, which it would in the same group.
      restartOnFailure: () => {
        again = true;
        return Promise.resolve(false);
      },
    },
  });
  // Listeners are async, for one that throws synchronously would break disconnect().
  // deno-lint-ignore require-await
  consumer.on("consumer.group_join", async ({ payload }) => {
    events.onJoin(payload.memberAssignment[topic] ?? []);
  });
  // Batches that have nothing but the marks of transactions show here alone.
  // deno-lint-ignore require-await
  consumer.on("consumer.start_batch_process", async ({ payload }) => {
    if (payload.batchSize > 0) return;
    events.onEmptyBatch(payload.partition, Number(payload.lastOffset) + 1);
  });
  // deno-lint-ignore require-await
  consumer.on("consumer.crash", async ({ payload }) => events.onCrash(payload.error, { again }));

  try {
    await consumer.connect();
    // From the beginning: where nothing else is said, as of a new partition.
    await consumer.subscribe({ topic, fromBeginning: true });
  } catch (error) {
    await consumer.disconnect();
    throw error;
  }

  return {
    groupId,
    run: () =>
      consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }) => events.onBatch(batch),
      }),
    seek: (partition, position) => consumer.seek({ topic, partition, offset: String(position) }),
    pause: (partitions) => consumer.pause([{ topic, partitions }]),
    disconnect: () => consumer.disconnect(),
  };
}

/**
 * Reads the topic: the way of a Kafka message begins here.
 *
 * Every instance reads every partition (KAF1). kafkajs knows no assignment without a group, so each
 * process has a group of its own, to which nothing is committed. Positions are kept here.
 */
import { getLogger } from "@logtape/logtape";
import type { Admin, Batch, Consumer, Kafka } from "kafkajs";
import type { Settings } from "../config.ts";
import type { LogReader, LogRecord } from "../log_reader.ts";
import { createKafka, type KafkaSettings } from "./client.ts";
import { persist } from "./persist.ts";

const log = getLogger(["wss", "kafka"]);

/** Milliseconds that a broker waits for records; stopping waits for the last such fetch. */
const FETCH_WAIT_MS = 1000;

/** Makes the {@linkcode LogReader} of a Kafka topic. */
export function createKafkaReader(
  settings: KafkaSettings & Pick<Settings, "KAFKA_TOPIC" | "KAFKA_GROUP_PREFIX">,
): LogReader {
  const { KAFKA_TOPIC: topic, KAFKA_GROUP_PREFIX: prefix, INSTANCE_ID: instance } = settings;
  const groupId = `${prefix}-${instance}-${crypto.randomUUID().slice(0, 8)}`;
  const stopping = new AbortController();
  /** The offset to read next, by partition. */
  const positions = new Map<number, number>();
  let running: { admin: Admin; consumer: Consumer } | undefined;
  let starting: Promise<void> | undefined;

  function records({ partition, messages }: Batch): LogRecord[] {
    const position = positions.get(partition) ?? 0;
    return messages
      .map(({ offset, timestamp, value }) => ({
        partition,
        offset: Number(offset),
        timestamp: Number(timestamp),
        value,
      }))
      // After a rejoin a fetch may still bring what was read before it.
      .filter(({ offset }) => offset >= position);
  }

  async function start(
    { onRecords, onFailure }: Parameters<LogReader["start"]>[0],
  ): Promise<void> {
    // Without tries of its own, so that trouble is known of at once.
    const admin = (await createKafka(settings, { retries: 0 })).admin();
    const consumer = createConsumer(await createKafka(settings));
    running = { admin, consumer };

    const connect = async () => {
      await admin.connect();
      await consumer.connect();
      // Creates the topic, where the broker creates topics.
      await consumer.subscribe({ topic, fromBeginning: true });
      // Asked before joining: what is written while the group forms must not be missed.
      for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
        positions.set(partition, Number(high));
      }
    };
    await persist(connect, {
      signal: stopping.signal,
      // A topic that is just being created is not there at the first look.
      describe: (error, tries) =>
        isMissingTopic(error) && tries === 1 ? null : describeTrouble(error, settings),
      warn: (trouble) => log.warn(`${trouble}; trying again until it works`),
    });
    if (stopping.signal.aborted) return;

    const joined = Promise.withResolvers<void>();
    stopping.signal.addEventListener("abort", () => joined.resolve());
    // Listeners are async, for one that throws synchronously would break disconnect().
    // deno-lint-ignore require-await
    consumer.on("consumer.group_join", async () => {
      // With nothing committed, every join would start at the beginning.
      for (const [partition, position] of positions) {
        consumer.seek({ topic, partition, offset: String(position) });
      }
      joined.resolve();
    });
    // deno-lint-ignore require-await
    consumer.on("consumer.crash", async ({ payload: { error, restart } }) => {
      log.warn(`The consumer ${restart ? "starts again" : "can't go on"}: {error}`, { error });
      if (!restart) onFailure(`The Kafka consumer can't go on: ${error.message}`);
    });
    await consumer.run({
      autoCommit: false,
      // deno-lint-ignore require-await
      eachBatch: async ({ batch }) => {
        onRecords(records(batch));
        const next = Number(batch.lastOffset()) + 1;
        positions.set(batch.partition, Math.max(next, positions.get(batch.partition) ?? 0));
      },
    });
    await joined.promise;
    log.info("Reading {topic}, {partitions} partitions, in the group {groupId}", {
      topic,
      partitions: positions.size,
      groupId,
    });
  }

  function createConsumer(kafka: Kafka): Consumer {
    return kafka.consumer({
      groupId,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      retry: { restartOnFailure: () => Promise.resolve(!stopping.signal.aborted) },
    });
  }

  return {
    start(events) {
      starting = start(events);
      return starting;
    },

    async stop() {
      stopping.abort();
      await starting?.catch(() => {});
      if (!running) return;
      const { admin, consumer } = running;
      await consumer.disconnect();
      try {
        await admin.deleteGroups([groupId]);
      } catch (error) {
        // It is empty and has no offsets, so that the broker drops it after a while by itself.
        log.debug("The group {groupId} was not deleted: {error}", { groupId, error });
      }
      await admin.disconnect();
    },
  };
}

function isMissingTopic(error: unknown): boolean {
  return error instanceof Error && "type" in error && error.type === "UNKNOWN_TOPIC_OR_PARTITION";
}

function describeTrouble(
  error: unknown,
  { KAFKA_TOPIC, KAFKA_BROKERS }: Pick<Settings, "KAFKA_TOPIC" | "KAFKA_BROKERS">,
): string {
  if (isMissingTopic(error)) {
    return `The topic "${KAFKA_TOPIC}" does not exist and the brokers don't create it: create it`;
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `Cannot read from Kafka at ${KAFKA_BROKERS.join(", ")}: ${reason}`;
}

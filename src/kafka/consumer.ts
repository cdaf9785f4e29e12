/**
 * Reads the topic: the way of a Kafka message begins here.
 *
 * Every instance reads every partition (KAF1). kafkajs knows no assignment without a group, so each
 * process has a group of its own, to which nothing is committed. Positions are kept here.
 */
import { getLogger } from "@logtape/logtape";
import type { Admin, Batch, Consumer } from "kafkajs";
import type { Settings } from "../config.ts";
import type { Positions } from "../cursor.ts";
import type { LogEvents, LogReader, LogRecord } from "../log_reader.ts";
import { createKafka, type KafkaSettings } from "./client.ts";
import { persist } from "./persist.ts";

const log = getLogger(["wss", "kafka"]);

/** Milliseconds that a broker waits for records; stopping waits for the last such fetch. */
const FETCH_WAIT_MS = 1000;
/** Milliseconds after which new partitions are looked for (KAF8). */
const METADATA_MAX_AGE_MS = 20_000;

/** The settings of reading. */
export type KafkaReaderSettings =
  & KafkaSettings
  & Pick<Settings, "KAFKA_TOPIC" | "KAFKA_GROUP_PREFIX" | "DEGRADED_AFTER_SECONDS">;

/** Where a partition begins and ends. */
interface Bounds {
  readonly partition: number;
  readonly low: number;
  readonly high: number;
}

/** Makes the {@linkcode LogReader} of a Kafka topic. */
export function createKafkaReader(settings: KafkaReaderSettings): LogReader {
  const { KAFKA_TOPIC: topic, KAFKA_GROUP_PREFIX: prefix, INSTANCE_ID: instance } = settings;
  const groupId = `${prefix}-${instance}-${crypto.randomUUID().slice(0, 8)}`;
  const askMs = settings.DEGRADED_AFTER_SECONDS * 1000 / 3;
  const stopping = new AbortController();
  /** The offset to read next, by partition. */
  const positions = new Map<number, number>();
  const caughtUp = Promise.withResolvers<void>();
  let events: LogEvents;
  let clients: { admin: Admin; consumer: Consumer } | undefined;
  let starting: Promise<void> | undefined;
  let asking: ReturnType<typeof setInterval> | undefined;
  /** The ends at the start, of partitions that have not been read up to them yet. */
  const behind = new Map<number, number>();

  async function start(since: number): Promise<void> {
    // Without tries of its own, so that trouble is known of at once.
    const admin = (await createKafka(settings, { retries: 0, requestTimeoutMs: askMs })).admin();
    const consumer = (await createKafka(settings)).consumer({
      groupId,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      retry: { restartOnFailure: () => Promise.resolve(!stopping.signal.aborted) },
    });
    clients = { admin, consumer };

    const connect = async () => {
      await admin.connect();
      await consumer.connect();
      // Creates the topic, where the broker creates topics. From the beginning: where nothing else
      // is said, as of a new partition.
      await consumer.subscribe({ topic, fromBeginning: true });
      // Asked before joining: what is written while the group forms must not be missed.
      await findStart(await admin.fetchTopicOffsetsByTimestamp(topic, since));
    };
    await persist(connect, {
      signal: stopping.signal,
      // A topic that is just being created is not there at the first look.
      describe: (error, tries) =>
        isMissingTopic(error) && tries === 1 ? null : {
          kind: isMissingTopic(error) ? "missing topic" : "unreachable",
          text: describeTrouble(error, settings),
        },
      warn: (trouble) => log.warn(`${trouble}; trying again until it works`),
    });
    if (stopping.signal.aborted) return;

    listen(consumer);
    await consumer.run({
      autoCommit: false,
      // deno-lint-ignore require-await
      eachBatch: async ({ batch }) => take(batch),
    });
    askAgain();
    asking = setInterval(askAgain, askMs);
    stopping.signal.addEventListener("abort", () => caughtUp.resolve());
    await caughtUp.promise;
    log.info("Reading {topic}, {partitions} partitions, in the group {groupId}", {
      topic,
      partitions: positions.size,
      groupId,
    });
  }

  /** Begins one record in front of the window, to know when that was written (DEL6). */
  async function findStart(firsts: { partition: number; offset: string }[]): Promise<void> {
    const bounds = await askBounds();
    for (const { partition, low, high } of bounds) {
      const found = firsts.find((first) => first.partition === partition);
      const first = Math.max(low, Number(found?.offset ?? low));
      const position = Math.max(low, first - 1);
      positions.set(partition, position);
      if (position < high) behind.set(partition, high);
      events.onPartition(partition, { first, position });
    }
  }

  function listen(consumer: Consumer): void {
    // Listeners are async, for one that throws synchronously would break disconnect().
    // deno-lint-ignore require-await
    consumer.on("consumer.group_join", async ({ payload: { memberAssignment } }) => {
      for (const partition of memberAssignment[topic] ?? []) {
        if (positions.has(partition)) continue;
        log.info("Partition {partition} is new, it is read from its beginning", { partition });
        positions.set(partition, 0);
        events.onPartition(partition, { first: 0, position: 0 });
      }
      // With nothing committed, every join would start at the beginning.
      for (const partition of positions.keys()) seek(partition);
      noteCaughtUp();
    });
    // Batches that have nothing but the marks of transactions show here alone.
    // deno-lint-ignore require-await
    consumer.on("consumer.start_batch_process", async ({ payload }) => {
      if (payload.batchSize === 0) advance(payload.partition, Number(payload.lastOffset) + 1);
    });
    // deno-lint-ignore require-await
    consumer.on("consumer.crash", async ({ payload: { error, restart } }) => {
      if (stopping.signal.aborted) return;
      if (restart) log.warn(`${describeTrouble(error, settings)}; the consumer starts again`);
      else events.onFailure(`The Kafka consumer can't go on: ${error.message}`);
    });
  }

  function seek(partition: number): void {
    const offset = String(positions.get(partition) ?? 0);
    clients?.consumer.seek({ topic, partition, offset });
  }

  function take(batch: Batch): void {
    const { partition } = batch;
    const position = positions.get(partition) ?? 0;
    // Not declared by kafkajs' types. It asks from where it is told to, unless it has moved by
    // itself, which it does where what it asked for is no longer in the log.
    const { fetchedOffset } = batch as Batch & { fetchedOffset: string };
    if (Number(fetchedOffset) > position) lose(partition, Number(fetchedOffset));

    const records = recordsFrom(positions.get(partition) ?? 0, batch);
    if (records.length > 0) events.onRecords(records);
    advance(partition, Number(batch.lastOffset()) + 1);
  }

  function advance(partition: number, position: number): void {
    if (position <= (positions.get(partition) ?? 0)) return;
    positions.set(partition, position);
    events.onPosition(partition, position);
    if (position >= (behind.get(partition) ?? 0)) behind.delete(partition);
    noteCaughtUp();
  }

  function noteCaughtUp(): void {
    if (behind.size === 0) caughtUp.resolve();
  }

  function lose(partition: number, position: number): void {
    positions.set(partition, position);
    events.onLost(partition, position);
  }

  async function askBounds(): Promise<Bounds[]> {
    if (!clients) throw new Error("Not connected");
    const { admin } = clients;
    // Connects again where the connection is gone.
    await admin.connect();
    const bounds = await admin.fetchTopicOffsets(topic);
    return bounds
      .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** Tells the ends, and goes on at the nearer bound where a position is in none of the log. */
  async function askAgain(): Promise<void> {
    const askedAt = Date.now();
    const before = new Map(positions);
    try {
      const bounds = await askBounds();
      if (stopping.signal.aborted) return;
      for (const { partition, low, high } of bounds) {
        const position = before.get(partition);
        // Of a partition that moved meanwhile, the next answer tells.
        if (position === undefined || position !== positions.get(partition)) continue;
        if (position >= low && position <= high) continue;
        lose(partition, position < low ? low : high);
        seek(partition);
      }
      events.onEnds({ ends: bounds.map(({ high }) => high), askedAt });
    } catch (error) {
      log.debug("The ends of the partitions could not be asked: {error}", { error });
    }
  }

  return {
    start(givenEvents, { since }) {
      events = givenEvents;
      return starting = start(since);
    },

    async askEnds(): Promise<Positions> {
      return (await askBounds()).map(({ high }) => high);
    },

    async stop() {
      stopping.abort();
      clearInterval(asking);
      await starting?.catch(() => {});
      if (!clients) return;
      const { admin, consumer } = clients;
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

function recordsFrom(position: number, { partition, messages }: Batch): LogRecord[] {
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

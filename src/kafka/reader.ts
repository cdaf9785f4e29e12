/**
 * Reads the topic: the way of a Kafka message begins here.
 *
 * Every instance reads every partition (KAF1). Nothing is committed: positions are kept here, and
 * outlive the consumers, each of which has a group of its own.
 */
import { getLogger } from "@logtape/logtape";
import type { Admin, Batch, IHeaders } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import type { Positions } from "../log/cursor.ts";
import { delay } from "../util/delay.ts";
import type { LogEvents, LogReader, RecordHeaders } from "../log/reader.ts";
import { createTurns } from "../util/time_slice.ts";
import { createKafka, type KafkaSettings } from "./client.ts";
import { connectGroupConsumer, type GroupConsumer } from "./group_consumer.ts";
import { keepTrying } from "./keep_trying.ts";
import { replayRecord } from "./replay.ts";

const logger = getLogger(["wss", "kafka"]);

/** Milliseconds after which another consumer takes the place of one that has ended by itself. */
const RESTART_MS = 500;

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
  const { KAFKA_TOPIC: topic } = settings;
  const askMs = settings.DEGRADED_AFTER_SECONDS * 1000 / 3;
  const stopping = new AbortController();
  /** The offset to read next, by partition. */
  const positions = new Map<number, number>();
  /** The ends at the start, of partitions that have not been read up to them yet. */
  const behind = new Map<number, number>();
  const caughtUp = Promise.withResolvers<void>();
  /** Of all consumers that there have been; they are deleted at the end. */
  const groupIds: string[] = [];
  let events: LogEvents;
  let admin: Admin | undefined;
  let consumer: GroupConsumer | undefined;
  let starting: Promise<void> | undefined;
  let restarting: Promise<void> | undefined;
  let asking: ReturnType<typeof setInterval> | undefined;

  async function start(since: number): Promise<void> {
    // Without tries of its own, so that trouble is known of at once.
    const asked = admin = (await createKafka(settings, { retries: 0, requestTimeoutMs: askMs }))
      .admin();
    await persistently(async () => {
      await asked.connect();
      consumer ??= await connectConsumer();
      // Asked before joining: what is written while the group forms must not be missed.
      await findStart(await asked.fetchTopicOffsetsByTimestamp(topic, since));
    });
    if (stopping.signal.aborted) return;

    await consumer?.run();
    askAgain();
    asking = setInterval(askAgain, askMs);
    stopping.signal.addEventListener("abort", () => caughtUp.resolve());
    await caughtUp.promise;
    logger.info("Reading {topic}, {partitions} partitions", { topic, partitions: positions.size });
  }

  /** Does it again until it works, or the end has come. */
  async function persistently(work: () => Promise<void>): Promise<void> {
    await keepTrying(work, {
      signal: stopping.signal,
      // A topic that is just being created is not there at the first look.
      describe: (error, tries) =>
        isMissingTopic(error) && tries === 1 ? null : {
          kind: isMissingTopic(error) ? "missing topic" : "unreachable",
          text: describeTrouble(error, settings),
        },
      warn: (trouble) => logger.warn(`${trouble}; trying again until it works`),
    });
  }

  async function connectConsumer(): Promise<GroupConsumer> {
    const connected = await connectGroupConsumer(settings, {
      onJoin(partitions) {
        logger.info("Joined the group {groupId}", { groupId: connected.groupId });
        events.onJoin();
        begin(partitions);
      },
      onBatch: take,
      onEmptyBatch: advance,
      onCrash(error, { again }) {
        if (stopping.signal.aborted) return;
        events.onCrash();
        if (!again) return events.onFailure(`The Kafka consumer can't go on: ${error.message}`);
        logger.warn(`${describeTrouble(error, settings)}; reading begins again where it was`);
        restarting = restart();
      },
    });
    groupIds.push(connected.groupId);
    return connected;
  }

  async function restart(): Promise<void> {
    await delay(RESTART_MS, stopping.signal);
    await persistently(async () => {
      consumer = await connectConsumer();
    });
    if (!stopping.signal.aborted) await consumer?.run();
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

  function begin(partitions: readonly number[]): void {
    for (const partition of partitions) {
      if (positions.has(partition)) continue;
      logger.info("Partition {partition} is new, it is read from its beginning", { partition });
      positions.set(partition, 0);
      events.onPartition(partition, { first: 0, position: 0 });
    }
    for (const [partition, position] of positions) consumer?.seek(partition, position);
    noteCaughtUp();
  }

  async function take(batch: Batch): Promise<void> {
    const { partition } = batch;
    const position = positions.get(partition) ?? 0;
    // Not declared by kafkajs' types. It asks from where it is told to, unless it has moved by
    // itself, which it does where what it asked for is no longer in the log.
    const { fetchedOffset } = batch as Batch & { fetchedOffset: string };
    if (Number(fetchedOffset) > position) lose(partition, Number(fetchedOffset));

    const turn = createTurns();
    for (const { offset: text, timestamp, value, headers } of batch.messages) {
      // Not awaited where there is nothing to wait for: that would cost a promise a record.
      const pause = turn();
      if (pause) await pause;
      const offset = Number(text);
      // After a rejoin a fetch may still bring what was read before it.
      if (offset < (positions.get(partition) ?? 0)) continue;
      const handled = events.onRecord({
        partition,
        offset,
        timestamp: Number(timestamp),
        value,
        headers: recordHeaders(headers),
      });
      positions.set(partition, offset + 1);
      if (handled) await handled;
    }
    advance(partition, Number(batch.lastOffset()) + 1);
  }

  function advance(partition: number, position: number): void {
    if (position < (positions.get(partition) ?? 0)) return;
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
    if (!admin) throw new Error("Not connected");
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
        const bound = position < low ? low : high;
        lose(partition, bound);
        consumer?.seek(partition, bound);
      }
      events.onEnds({ ends: bounds.map(({ high }) => high), askedAt });
    } catch (error) {
      logger.debug("The ends of the partitions could not be asked: {error}", { error });
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

    replay: (record) => replayRecord(settings, record, { onGroup: (id) => groupIds.push(id) }),

    async stop() {
      stopping.abort();
      clearInterval(asking);
      await Promise.allSettled([starting, restarting]);
      await consumer?.disconnect();
      try {
        await admin?.deleteGroups(groupIds);
      } catch (error) {
        // They are empty and have no offsets, so that the brokers drop them after a while.
        logger.debug("Not all of {groupIds} were deleted: {error}", { groupIds, error });
      }
      await admin?.disconnect();
    },
  };
}

const NO_HEADERS: RecordHeaders = {};

function recordHeaders(headers: IHeaders | undefined): RecordHeaders {
  if (!headers || (!headers.traceparent && !headers.replays)) return NO_HEADERS;
  return {
    traceparent: headers.traceparent?.toString(),
    replays: headers.replays?.toString(),
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

/**
 * Writes a record to the topic once more, so that all instances read it again, in order.
 */
import type { KafkaMessage } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { isDoneWithin } from "../util/delay.ts";
import { recordId } from "../protocol/frames.ts";
import type { KafkaSettings } from "./client.ts";
import { connectGroupConsumer } from "./group_consumer.ts";
import { connectKafkaProducer } from "./producer.ts";

/** Milliseconds for reading the record. */
const READ_MS = 20_000;

interface RecordPosition {
  readonly partition: number;
  readonly offset: number;
}

type ReplaySettings = KafkaSettings & Pick<Settings, "KAFKA_TOPIC" | "KAFKA_GROUP_PREFIX">;

/**
 * Reads a record and writes it to the same partition, with the header `replays`.
 *
 * @param options.onGroup Told of the consumer group that was needed to read it
 * @throws {Error} It is no longer there, or the brokers can't be reached
 */
export async function replayRecord(
  settings: ReplaySettings,
  position: RecordPosition,
  { onGroup }: { onGroup: (groupId: string) => void },
): Promise<void> {
  const { key, value, headers } = await readRecord(settings, position, onGroup);
  const producer = await connectKafkaProducer(settings);
  try {
    await producer.publish({
      partition: position.partition,
      key,
      value,
      headers: { ...headers, replays: recordId(position) },
    });
  } finally {
    await producer.stop();
  }
}

async function readRecord(
  settings: ReplaySettings,
  position: RecordPosition,
  onGroup: (groupId: string) => void,
): Promise<KafkaMessage> {
  const { partition, offset } = position;
  const found = Promise.withResolvers<KafkaMessage>();
  const consumer = await connectGroupConsumer(settings, {
    onJoin(partitions) {
      consumer.pause(partitions.filter((other) => other !== partition));
      consumer.seek(partition, offset);
    },
    onBatch({ partition: from, messages }) {
      const message = messages.find((message) => Number(message.offset) === offset);
      if (from === partition && message) found.resolve(message);
      else if (from === partition) found.reject(new Error("it is no longer in the log"));
      return Promise.resolve();
    },
    onEmptyBatch: () => {},
    onCrash: (error) => found.reject(error),
  });
  onGroup(consumer.groupId);
  try {
    await consumer.run();
    if (await isDoneWithin(READ_MS, found.promise)) return await found.promise;
    throw new Error(`it was not read within ${READ_MS} ms`);
  } finally {
    await consumer.disconnect();
  }
}

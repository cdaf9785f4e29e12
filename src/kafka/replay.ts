/**
 * Writes a record to the topic again, so that all instances read it again, in order.
 */
import type { KafkaMessage } from "kafkajs";
import { isDoneWithin } from "../util/delay.ts";
import { recordId } from "../protocol/frames.ts";
import { GroupConsumer, type GroupConsumerSettings } from "./group_consumer.ts";
import { connectKafkaProducer } from "./producer.ts";

/** Milliseconds for reading the record. */
const READ_MS = 20_000;

interface RecordPosition {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Reads a record and writes it to the same partition again, with the header `replays`.
 *
 * @param record.onGroup Called with the id of the consumer group that was made to read the record
 * @throws {Error} The record is no longer in the log, or the brokers cannot be reached
 */
export async function replayRecord(
  settings: GroupConsumerSettings,
  { onGroup, ...position }: RecordPosition & { onGroup: (groupId: string) => void },
): Promise<void> {
  const { key, value, headers } = await readRecord(settings, { ...position, onGroup });
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
  settings: GroupConsumerSettings,
  { partition, offset, onGroup }: RecordPosition & { onGroup: (groupId: string) => void },
): Promise<KafkaMessage> {
  const found = Promise.withResolvers<KafkaMessage>();
  const consumer = await GroupConsumer.connect(settings, {
    events: {
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
    },
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

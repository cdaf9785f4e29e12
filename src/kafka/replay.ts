/**
 * Writes a record to the topic again, so that all instances read it again, in order.
 */
import type { Settings } from "../settings/settings.ts";
import { recordId } from "../protocol/frames.ts";
import type { Brokers } from "./brokers/brokers.ts";
import type { KafkaSettings } from "./client.ts";
import { connectKafkaProducer } from "./producer.ts";
import type { TopicReading } from "./topic_reading.ts";

/** The place of a record. */
export interface RecordPlace {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Reads a record and writes it to the same partition again, with the header `replays`.
 *
 * @throws {Error} The record is no longer in the log, or the brokers cannot be reached
 */
export async function replayRecord(
  place: RecordPlace,
  { settings }: {
    settings: KafkaSettings & Pick<Settings, "KAFKA_TOPIC">;
    brokers: Brokers;
    reading: TopicReading;
  },
): Promise<void> {
  const producer = await connectKafkaProducer(settings);
  try {
    await producer.publish({
      partition: place.partition,
      value: null,
      headers: { replays: recordId(place) },
    });
  } finally {
    await producer.stop();
  }
}

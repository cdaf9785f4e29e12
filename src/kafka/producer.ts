/**
 * Writes messages to the topic, for `wss publish`, replays and the demo backend.
 */
import kafkajs, { type Message } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { createKafka, type KafkaSettings } from "./client.ts";

/** A connection for writing to the topic. */
export interface KafkaProducer {
  /** Resolves when all in-sync replicas have the message, with the position of its record. */
  publish(message: Message): Promise<{ partition: number; offset: number }>;
  stop(): Promise<void>;
}

/**
 * Connects a producer.
 *
 * @param options.retries How often a request that fails is tried again; 5 times by default
 * @throws {Error} The brokers cannot be reached
 */
export async function connectKafkaProducer(
  settings: KafkaSettings & Pick<Settings, "KAFKA_TOPIC">,
  options: { retries?: number } = {},
): Promise<KafkaProducer> {
  const kafka = await createKafka(settings, options);
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    // A message is written once, even if it is sent again because an answer was lost.
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return {
    async publish(message) {
      const topic = settings.KAFKA_TOPIC;
      const [record] = await producer.send({ topic, messages: [message] });
      if (!record) throw new Error(`The brokers did not say where in ${topic} the record is`);
      return { partition: record.partition, offset: Number(record.baseOffset) };
    },
    stop: () => producer.disconnect(),
  };
}

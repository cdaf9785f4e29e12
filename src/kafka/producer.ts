/**
 * Writes messages to the topic.
 */
import kafkajs, { type Message } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { createKafka, type KafkaSettings } from "./client.ts";

/** A connection for writing to the topic. */
export interface KafkaProducer {
  /** Resolves when all in-sync replicas have the message, with the place of its record. */
  publish(message: Message): Promise<{ partition: number; offset: number }>;
  stop(): Promise<void>;
}

/**
 * Connects.
 *
 * @param options.retries How often a request that fails is tried again
 * @throws {Error} The brokers can't be reached
 */
export async function connectKafkaProducer(
  settings: KafkaSettings & Pick<Settings, "KAFKA_TOPIC">,
  options: { retries?: number } = {},
): Promise<KafkaProducer> {
  const kafka = await createKafka(settings, options);
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    // What is tried again after an answer that was lost is written once.
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return {
    async publish(message) {
      const topic = settings.KAFKA_TOPIC;
      const [record] = await producer.send({ topic, messages: [message] });
      if (!record) throw new Error(`The brokers do not tell where in ${topic} the record is`);
      return { partition: record.partition, offset: Number(record.baseOffset) };
    },
    stop: () => producer.disconnect(),
  };
}

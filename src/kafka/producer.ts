/**
 * Writes messages to the topic.
 */
import kafkajs, { type Message } from "kafkajs";
import type { Settings } from "../config.ts";
import { createKafka, type KafkaSettings } from "./client.ts";

/** A connection for writing to the topic. */
export interface KafkaProducer {
  /** Resolves when all in-sync replicas have the message. */
  publish(message: Message): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Connects.
 *
 * @throws {Error} The brokers can't be reached
 */
export async function connectKafkaProducer(
  settings: KafkaSettings & Pick<Settings, "KAFKA_TOPIC">,
): Promise<KafkaProducer> {
  const kafka = await createKafka(settings);
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    // What is tried again after an answer that was lost is written once.
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return {
    async publish(message) {
      await producer.send({ topic: settings.KAFKA_TOPIC, messages: [message] });
    },
    stop: () => producer.disconnect(),
  };
}

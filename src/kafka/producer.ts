/**
 * Writes messages to the topic, for `wss publish`, replays and the demo backend.
 */
import kafkajs, { type Message } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { isDoneWithin } from "../util/delay.ts";
import { createKafka, type KafkaSettings } from "./client.ts";
import { ErrorCode, kafkajsErrorCode } from "./wire/error_codes.ts";

/** Milliseconds for a producer that could not connect to close what it has opened. */
const CLOSE_MS = 2000;

/** A connection for writing to the topic. */
export interface KafkaProducer {
  /**
   * Resolves when all in-sync replicas have the message, with the position of its record.
   *
   * @throws {Error} The message was not written, or it is unknown whether it was
   */
  publish(message: Message): Promise<{ partition: number; offset: number }>;
  stop(): Promise<void>;
}

/**
 * Connects a producer.
 *
 * @param options.retries How often a request that fails is tried again; 5 times by default
 * @throws {Error} The brokers cannot be reached, or refuse the producer
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
  const { KAFKA_TOPIC: topic } = settings;
  try {
    await producer.connect();
  } catch (error) {
    // It may have connected, and then been refused its producer id.
    await isDoneWithin(CLOSE_MS, producer.disconnect()).catch(() => {});
    throw describe(error, topic);
  }
  return {
    async publish(message) {
      const sent = producer.send({ topic, messages: [message] });
      const [record] = await sent.catch((error) => {
        throw describe(error, topic);
      });
      if (!record) throw new Error(`The brokers did not say where in ${topic} the record is`);
      return { partition: record.partition, offset: Number(record.baseOffset) };
    },
    stop: () => producer.disconnect(),
  };
}

/** Names the right that is missing, if that is why the topic can't be written to. */
function describe(error: unknown, topic: string): unknown {
  const text = `Not authorized to write to topic ${topic}: allow WRITE of it`;
  switch (kafkajsErrorCode(error)) {
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
      return new Error(text, { cause: error });
    case ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
      // Newer brokers give a producer its id if it has WRITE of any topic.
      return new Error(`${text}; before Kafka 2.8, IDEMPOTENT_WRITE of the cluster as well`, {
        cause: error,
      });
    default:
      return error;
  }
}

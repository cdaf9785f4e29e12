/**
 * How Kafka is connected to. Nothing outside of this folder imports kafkajs.
 */
import { getLogger } from "@logtape/logtape";
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { registerCodecs } from "./codecs.ts";
import { fixIdleTimer } from "./kafkajs_idle_fix.ts";

const logger = getLogger(["wss", "kafka", "client"]);

/** The settings that say how to connect. */
export type KafkaSettings = Pick<
  Settings,
  | "KAFKA_BROKERS"
  | "KAFKA_SSL"
  | "KAFKA_SASL_MECHANISM"
  | "KAFKA_SASL_USERNAME"
  | "KAFKA_SASL_PASSWORD"
  | "INSTANCE_ID"
>;

/**
 * Makes a client; it connects to nothing yet.
 *
 * @param options.requestTimeoutMs Milliseconds for the answer to a request
 * @param options.retries How often a request that fails is tried again, in about 10 s for 5
 * @throws {Error} The CA file can't be read
 */
export async function createKafka(
  settings: KafkaSettings,
  { retries = 5, requestTimeoutMs = 30_000 }: { retries?: number; requestTimeoutMs?: number } = {},
): Promise<Kafka> {
  registerCodecs();
  fixIdleTimer();
  const sasl = saslOptions(settings);
  return new Kafka({
    clientId: `wss-${settings.INSTANCE_ID}`,
    brokers: settings.KAFKA_BROKERS,
    ssl: await sslOptions(settings.KAFKA_SSL),
    ...(sasl ? { sasl } : {}),
    connectionTimeout: 3000,
    requestTimeout: requestTimeoutMs,
    // Milliseconds between two tries; 30 s by default.
    retry: { retries, maxRetryTime: 3000 },
    // What is to be said of trouble is said by the consumer, once; this is for a closer look.
    logLevel: logLevel.INFO,
    logCreator: () => ({ namespace, log: { message, error } }) => {
      logger.debug("{namespace}: {message}", { namespace, message, error });
    },
  });
}

async function sslOptions(setting: boolean | string): Promise<NonNullable<KafkaConfig["ssl"]>> {
  if (typeof setting === "boolean") return setting;
  try {
    return { ca: [await Deno.readTextFile(setting)] };
  } catch (error) {
    throw new Error(
      `Cannot read the CA file "${setting}" that KAFKA_SSL names: ` +
        (error instanceof Error ? error.message : error),
    );
  }
}

function saslOptions(settings: KafkaSettings): SASLOptions | undefined {
  const {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: username = "",
    KAFKA_SASL_PASSWORD: password = "",
  } = settings;
  // One case each: kafkajs tells its options apart by the mechanism.
  switch (mechanism) {
    case undefined:
      return undefined;
    case "plain":
      return { mechanism, username, password };
    case "scram-sha-256":
      return { mechanism, username, password };
    case "scram-sha-512":
      return { mechanism, username, password };
  }
}

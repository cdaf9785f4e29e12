/**
 * The settings of a connection to the brokers, as kafkajs takes them. Only files of this folder import
 * kafkajs.
 */
import { getLogger } from "@logtape/logtape";
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { connectSocket, parseAddress, type SocketOptions } from "./brokers/address.ts";
import { fixRequestQueue } from "./brokers/kafkajs_fixes.ts";

const logger = getLogger(["wss", "kafka", "client"]);

/** The settings of a connection to the brokers. */
export type KafkaSettings = Pick<
  Settings,
  | "KAFKA_BROKERS"
  | "KAFKA_SSL"
  | "KAFKA_SASL_MECHANISM"
  | "KAFKA_SASL_USERNAME"
  | "KAFKA_SASL_PASSWORD"
  | "INSTANCE_ID"
>;

/** What each connection of kafkajs takes. */
export interface ClientOptions {
  readonly clientId: string;
  readonly ssl: NonNullable<KafkaConfig["ssl"]>;
  readonly sasl?: SASLOptions;
}

/**
 * Makes the options of connections.
 *
 * @throws {Error} The CA file cannot be read
 */
export async function clientOptions(settings: KafkaSettings): Promise<ClientOptions> {
  fixRequestQueue();
  const sasl = saslOptions(settings);
  return {
    clientId: `wss-${settings.INSTANCE_ID}`,
    ssl: await sslOptions(settings.KAFKA_SSL),
    ...(sasl ? { sasl } : {}),
  };
}

/**
 * Makes a client, which does not connect yet.
 *
 * @param options.retries How often a request that fails is tried again; by default 5 times, which
 * takes about 10 s
 * @throws {Error} The CA file cannot be read
 */
export async function createKafka(
  settings: KafkaSettings,
  { retries = 5 }: { retries?: number } = {},
): Promise<Kafka> {
  return new Kafka({
    ...await clientOptions(settings),
    // kafkajs splits an address at its first colon, so it gets the host of an IPv6 address without one.
    brokers: settings.KAFKA_BROKERS.map((address) => {
      const { host, port } = parseAddress(address);
      return `${host.replaceAll(":", "~")}:${port}`;
    }),
    socketFactory: ({ host, ...options }: SocketOptions) =>
      connectSocket({ host: host.replaceAll("~", ":"), ...options }),
    connectionTimeout: 3000,
    requestTimeout: 30_000,
    // At most 3 s between two tries; kafkajs' default is 30 s.
    retry: { retries, maxRetryTime: 3000 },
    // The service says by itself what is wrong. These lines are for a closer look.
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
  // A case for each mechanism, because the types of kafkajs are a union by mechanism.
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

/**
 * Tries everything that the reader needs of Kafka, for `wss check`: the brokers, TLS, SASL, the topic and
 * the rights. It writes nothing, and does not make the topic.
 */
import type { Settings } from "../../settings/settings.ts";
import { formatAddress } from "../brokers/address.ts";
import { BrokerConnection } from "../brokers/broker_connection.ts";
import { listOffsets } from "../brokers/offsets.ts";
import { type ClientOptions, clientOptions, type KafkaSettings } from "../client.ts";
import { checkTopic } from "../topic/check_topic.ts";
import { RefusedError, troubleOf } from "../trouble.ts";
import { ErrorCode } from "../wire/error_codes.ts";
import { LATEST } from "../wire/list_offsets.ts";
import { METADATA, metadataRequest, type TopicMetadata } from "../wire/metadata.ts";
import { checkTopicSettings } from "./check_topic_settings.ts";
import type { Finding } from "./finding.ts";
import { newestTime } from "./newest_time.ts";

/** The settings that are tried. */
export type CheckedKafkaSettings =
  & KafkaSettings
  & Pick<
    Settings,
    "KAFKA_TOPIC" | "RECOVERY_WINDOW_SECONDS" | "AUTH_JWKS_URL" | "AUTH_JWT_MAX_SECONDS"
  >;

/** Milliseconds for an answer. */
const ANSWER_MS = 4000;
/** Milliseconds by which a record may be newer than the time here. */
const MAX_AHEAD_MS = 5000;

/** What to do about each kind of trouble. */
const ADVICE: Readonly<Record<string, string>> = {
  unreachable:
    "look at KAFKA_BROKERS, the network and the firewall; and at KAFKA_SSL, as a broker " +
    "that expects TLS, or does not, closes the connection",
  authentication: "look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
  refused: "look at KAFKA_SASL_MECHANISM: the broker may expect another one, or one at all",
  unsupported: "use Kafka 0.11 or later",
  broken_answer: "look at KAFKA_BROKERS: another server than Kafka may answer",
  no_leader: "bring back a broker that has a replica of the partition",
};

/** Tries the brokers and the topic, one thing after the other. */
export async function* checkKafka(settings: CheckedKafkaSettings): AsyncGenerator<Finding> {
  const { KAFKA_BROKERS: addresses, KAFKA_TOPIC: topic } = settings;
  const check = new KafkaCheck(settings, await clientOptions(settings));
  try {
    for (const address of addresses) yield await check.connect(address, `broker ${address}`);
    const [connection] = check.connections;
    if (!connection) return;
    const subject = `topic ${topic}`;
    let metadata: TopicMetadata;
    try {
      metadata = await askMetadata(connection, topic);
      checkTopic(metadata);
    } catch (error) {
      return yield check.problem(subject, error);
    }
    const count = metadata.partitions.length;
    yield { subject, text: `it has ${count} ${count === 1 ? "partition" : "partitions"}` };
    for (const node of metadata.brokers) {
      const address = formatAddress(node);
      if (!check.has(address)) yield await check.connectAdvertised(address);
    }
    yield* check.read(metadata);
    // kafkajs gives up if the broker that it tries first does not answer.
    yield* await checkTopicSettings({ ...settings, KAFKA_BROKERS: check.addresses });
  } finally {
    check.close();
  }
}

async function askMetadata(connection: BrokerConnection, topic: string): Promise<TopicMetadata> {
  const request = metadataRequest(connection.versionOf(METADATA), { topic });
  return await connection.send(request, { timeoutMs: ANSWER_MS });
}

/** The connections of one check. */
class KafkaCheck {
  readonly #settings: CheckedKafkaSettings;
  readonly #client: ClientOptions;
  readonly #connections = new Map<string, BrokerConnection>();

  constructor(settings: CheckedKafkaSettings, client: ClientOptions) {
    this.#settings = settings;
    this.#client = client;
  }

  /** Where the brokers are that were reached. */
  get addresses(): string[] {
    return [...this.#connections.keys()];
  }

  get connections(): readonly BrokerConnection[] {
    return [...this.#connections.values()];
  }

  has(address: string): boolean {
    return this.#connections.has(address);
  }

  close(): void {
    for (const connection of this.connections) connection.close("the check is done");
  }

  problem(subject: string, error: unknown): Finding {
    const { kind, text } = troubleOf(error, this.#settings);
    return {
      subject,
      // Nothing here makes the brokers create it, so it is not known whether they would.
      text: kind === "missing_topic" ? "it does not exist" : text,
      advice: adviceFor(kind, this.#settings),
    };
  }

  /** Connects, with TLS and SASL if the settings say so. */
  async connect(address: string, subject: string): Promise<Finding> {
    const { KAFKA_SSL: tls, KAFKA_SASL_MECHANISM: mechanism } = this.#settings;
    try {
      const { signal } = new AbortController();
      const options = { client: this.#client, signal };
      this.#connections.set(address, await BrokerConnection.open(address, options));
      return {
        subject,
        text: `it answers ${tls ? "over TLS" : "without TLS"}` +
          (mechanism ? `, and takes the login by ${mechanism}` : ""),
      };
    } catch (error) {
      return this.problem(subject, error);
    }
  }

  /** Connects to the address that a broker tells clients, which may be another one than in the settings. */
  async connectAdvertised(address: string): Promise<Finding> {
    const finding = await this.connect(address, `broker ${address}`);
    if (finding.advice === undefined) return finding;
    return {
      ...finding,
      advice:
        "the brokers tell clients to connect there: look at advertised.listeners of that broker, " +
        "and at name lookups and the network here",
    };
  }

  /** Reads from each partition, which shows the right to, and whether clocks agree. */
  async *read({ brokers, partitions, topicId }: TopicMetadata): AsyncGenerator<Finding> {
    const { KAFKA_TOPIC: topic } = this.#settings;
    const subject = `topic ${topic}`;
    let newest = -Infinity;
    let unread = 0;
    try {
      for (const { partition, leader, leaderEpoch } of partitions) {
        const node = brokers.find(({ nodeId }) => nodeId === leader);
        if (!node) {
          throw new RefusedError(ErrorCode.LEADER_NOT_AVAILABLE, `partition ${partition}`);
        }
        const connection = this.#connections.get(formatAddress(node));
        // That this broker can't be reached has been told.
        if (!connection) {
          unread++;
          continue;
        }
        const question = { topic, timestamp: LATEST, isStable: true };
        const ends = await listOffsets(connection, {
          ...question,
          partitions: [{ partition, leaderEpoch }],
        });
        const end = ends.get(partition) ?? 0;
        newest = Math.max(newest, await newestTime(connection, { topic, topicId, partition, end }));
      }
    } catch (error) {
      return yield this.problem(subject, error);
    }
    yield {
      subject,
      text: unread === 0
        ? "it can be read"
        : `not all of it was read: the brokers of ${unread} of ${partitions.length} partitions were not reached`,
    };
    const aheadMs = newest - Date.now();
    if (aheadMs > MAX_AHEAD_MS) {
      yield {
        subject,
        text: `its newest record is ${Math.round(aheadMs / 1000)} s ahead of the clock here`,
        advice: "set the clocks by NTP: here, on the brokers and where records are written",
      };
    }
  }
}

function adviceFor(kind: string, { KAFKA_TOPIC: topic }: CheckedKafkaSettings): string {
  const kafkaAcls =
    `kafka-acls.sh --add --allow-principal User:… --operation READ --operation DESCRIBE`;
  switch (kind) {
    case "missing_topic":
      return "create it, unless the brokers create topics (auto.create.topics.enable): " +
        `kafka-topics.sh --create --topic ${topic} --partitions 3 --replication-factor 3`;
    case "unauthorized":
      return `${kafkaAcls} --topic ${topic}`;
    default:
      return ADVICE[kind] ?? "look at the brokers' logs";
  }
}

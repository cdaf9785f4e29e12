/**
 * Asks the brokers where the partitions of the topic begin and end.
 */
import type { Admin } from "kafkajs";
import type { Settings } from "../settings/settings.ts";
import { createKafka, type KafkaSettings } from "./client.ts";

/** Where the log of a partition begins and ends. */
export interface PartitionBounds {
  readonly partition: number;
  /** The offset of the oldest record. */
  readonly low: number;
  /** The offset that the next record will get. */
  readonly high: number;
}

/** An admin connection for one topic. */
export class TopicAdmin {
  readonly #admin: Admin;
  readonly #topic: string;

  private constructor(admin: Admin, topic: string) {
    this.#admin = admin;
    this.#topic = topic;
  }

  /**
   * Makes a connection, which is not open yet.
   *
   * Requests are not tried again, so that the caller notices trouble at once.
   *
   * @param options.requestTimeoutMs Milliseconds for the answer to a request
   * @throws {Error} The CA file cannot be read
   */
  static async create(
    settings: KafkaSettings & Pick<Settings, "KAFKA_TOPIC">,
    { requestTimeoutMs }: { requestTimeoutMs: number },
  ): Promise<TopicAdmin> {
    const kafka = await createKafka(settings, { retries: 0, requestTimeoutMs });
    return new TopicAdmin(kafka.admin(), settings.KAFKA_TOPIC);
  }

  /** Connects, unless it is connected already. */
  connect(): Promise<void> {
    return this.#admin.connect();
  }

  /** Asks for the bounds of all partitions, and connects again if the connection is lost. */
  async bounds(): Promise<PartitionBounds[]> {
    await this.connect();
    const bounds = await this.#admin.fetchTopicOffsets(this.#topic);
    return bounds
      .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
      .sort((a, b) => a.partition - b.partition);
  }

  /**
   * Asks for the first offset of each partition whose record is not older than a time.
   *
   * @param timeMs Milliseconds since 1970
   */
  async firstOffsetsSince(timeMs: number): Promise<ReadonlyMap<number, number>> {
    const found = await this.#admin.fetchTopicOffsetsByTimestamp(this.#topic, timeMs);
    return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** Deletes consumer groups. All of their members must have left. */
  async deleteGroups(groupIds: string[]): Promise<void> {
    await this.#admin.deleteGroups(groupIds);
  }

  disconnect(): Promise<void> {
    return this.#admin.disconnect();
  }
}

/**
 * Follows the topic's metadata: leaders that change, partitions that are added (KAF8), and a topic that
 * was deleted and made again (DEL13).
 */
import { getLogger } from "@logtape/logtape";
import { checkTopic } from "./check_topic.ts";
import type { TopicReading } from "./topic_reading.ts";
import type { PartitionMetadata, TopicMetadata } from "../wire/metadata.ts";

const logger = getLogger(["wss", "kafka"]);

/**
 * Answers in a row that must agree that something has gone back, such as the number of partitions. They
 * are from several brokers, as a single one may be behind.
 */
const BACK_TIMES = 3;

/** Follows one topic. */
export class TopicFollower {
  readonly #reading: TopicReading;
  /** The ids of topics that were replaced, as brokers that are behind may still name them. */
  readonly #goneIds = new Set<string>();
  /** Answers in a row with such an id. */
  #goneTimes = 0;
  /** Answers in a row with fewer partitions. */
  #fewerTimes = 0;
  /** Answers in a row with an earlier epoch of some leader. */
  #earlierTimes = 0;

  constructor(reading: TopicReading) {
    this.#reading = reading;
  }

  /**
   * Uses metadata.
   *
   * @throws {RefusedError} The broker does not tell about the topic
   */
  async use(metadata: TopicMetadata): Promise<void> {
    checkTopic(metadata);
    const { topicId, partitions } = metadata;
    const reading = this.#reading;
    const numbers = partitions.map(({ partition }) => partition).sort((a, b) => a - b);
    const isSame = reading.topicId === null || topicId === null || reading.topicId === topicId;
    const isGone = !isSame && this.#goneIds.has(topicId);
    this.#goneTimes = isGone ? this.#goneTimes + 1 : 0;
    if (isGone && this.#goneTimes < BACK_TIMES) return;
    if (!isSame) {
      this.#goneIds.delete(topicId);
      if (reading.topicId !== null) this.#goneIds.add(reading.topicId);
      await reading.replace(topicId, numbers);
    } else if (numbers.length < reading.partitions.size) {
      // With the same id, the broker is behind: a topic never loses partitions.
      const isKnown = reading.topicId !== null && topicId !== null;
      if (isKnown || ++this.#fewerTimes < BACK_TIMES) return;
      await reading.replace(topicId, numbers);
    } else {
      const added = numbers.filter((partition) => !reading.partitions.has(partition));
      for (const partition of added) {
        logger.info("Partition {partition} is new; it is read from its beginning", { partition });
      }
      if (added.length > 0) await reading.add(added);
    }
    this.#goneTimes = 0;
    this.#fewerTimes = 0;
    if (reading.topicId === null && topicId !== null) reading.adopt(topicId);
    this.#followLeaders(partitions);
  }

  /**
   * Follows the leaders. Their epochs go back only if the topic is another one, or the cluster was
   * restored from a copy; a single broker that says so is behind.
   */
  #followLeaders(partitions: readonly PartitionMetadata[]): void {
    const { partitions: readings } = this.#reading;
    const isEarlier = ({ partition, leaderEpoch }: PartitionMetadata) =>
      leaderEpoch >= 0 && leaderEpoch < (readings.get(partition)?.leaderEpoch ?? -1);
    this.#earlierTimes = partitions.some(isEarlier) ? this.#earlierTimes + 1 : 0;
    const isSure = this.#earlierTimes >= BACK_TIMES;
    readings.follow(isSure ? partitions : partitions.filter((one) => !isEarlier(one)));
  }
}

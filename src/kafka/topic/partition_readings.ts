/**
 * The partitions of a topic that are read, by their leaders.
 */
import type { PartitionMetadata } from "../wire/metadata.ts";
import type { PartitionReading } from "./partition_reading.ts";

/** The partitions, by their numbers. */
export class PartitionReadings extends Map<number, PartitionReading> {
  /** The nodes that lead some of them. */
  get leaders(): Set<number> {
    const leaders = new Set(this.values().map(({ leader }) => leader));
    leaders.delete(-1);
    return leaders;
  }

  /** Those that a node leads. */
  ledBy(nodeId: number): PartitionReading[] {
    return [...this.values().filter(({ leader }) => leader === nodeId)];
  }

  /** Follows the leaders that metadata names. */
  follow(partitions: readonly PartitionMetadata[]): void {
    for (const { partition, leader, leaderEpoch } of partitions) {
      this.get(partition)?.follow(leader, leaderEpoch);
    }
  }
}

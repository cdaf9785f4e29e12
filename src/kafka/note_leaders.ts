/**
 * Which troubles metadata ends, and which it brings.
 */
import type { FetchReports } from "./fetched_errors.ts";
import type { PartitionReadings } from "./topic/partition_readings.ts";
import { RefusedError, type Troubles } from "./trouble.ts";
import { ErrorCode } from "./wire/error_codes.ts";

/** Notes that metadata could be used: it names the leaders of these partitions, or that there is none. */
export function noteLeaders(
  partitions: PartitionReadings,
  { troubles, onError }: Pick<FetchReports, "onError"> & { troubles: Troubles },
): void {
  troubles.retain((source) => {
    const [, partition] = /^partition (\d+)$/.exec(source) ?? [];
    return partition === undefined || partitions.has(Number(partition));
  });
  // What follows trouble that is shown is no election that may pass.
  const grace = troubles.isShown("topic") ? { graceMs: 0 } : {};
  for (const { partition, leader } of partitions.values()) {
    if (leader >= 0) continue;
    const error = new RefusedError(
      ErrorCode.LEADER_NOT_AVAILABLE,
      `the leader of partition ${partition}`,
    );
    onError(`partition ${partition}`, error, grace);
  }
  // Cleared last: else it would be told that all is well, and then that there is trouble again.
  troubles.clear("topic");
}

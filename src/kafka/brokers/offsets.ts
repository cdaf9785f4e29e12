/**
 * Asks leaders for offsets of their partitions: where they begin and end, and where a time is.
 */
import type { BrokerConnection } from "./broker_connection.ts";
import type { Brokers } from "./brokers.ts";
import { RefusedError } from "../trouble.ts";
import { ErrorCode } from "../wire/error_codes.ts";
import { LIST_OFFSETS, type ListOffsetsOptions, listOffsetsRequest } from "../wire/list_offsets.ts";

/** Milliseconds for an answer. */
const ANSWER_MS = 4000;

/** A partition and its leader. */
export interface LedPartition {
  readonly partition: number;
  /** The node that leads it; -1 if there is none. */
  readonly leader: number;
  /** The epoch of the leader; -1 if it is not known. */
  readonly leaderEpoch: number;
}

/** What to ask for. */
export type OffsetQuestion = Pick<ListOffsetsOptions, "topic" | "timestamp" | "isStable">;

/**
 * Asks a leader for an offset of each of some of its partitions.
 *
 * @returns The offsets, by partition; -1 if no record is as new as the time
 * @throws {RefusedError} It does not tell one of them
 */
export async function listOffsets(
  connection: BrokerConnection,
  { partitions, ...question }: OffsetQuestion & Pick<ListOffsetsOptions, "partitions">,
): Promise<Map<number, number>> {
  const request = listOffsetsRequest(connection.versionOf(LIST_OFFSETS), {
    ...question,
    partitions,
  });
  const offsets = new Map<number, number>();
  for (
    const { partition, errorCode, offset } of await connection.send(request, {
      timeoutMs: ANSWER_MS,
    })
  ) {
    if (errorCode !== ErrorCode.NONE) {
      throw new RefusedError(errorCode, `the offsets of partition ${partition}`);
    }
    offsets.set(partition, offset);
  }
  return offsets;
}

/**
 * Asks all leaders at once for an offset of each of their partitions.
 *
 * @throws {RefusedError} A partition has no leader, or its leader does not tell the offset
 * @throws {Error} A leader can't be asked
 */
export async function listAllOffsets(
  brokers: Brokers,
  { partitions, ...question }: OffsetQuestion & { partitions: readonly LedPartition[] },
): Promise<Map<number, number>> {
  const byLeader = Map.groupBy(partitions, ({ leader }) => leader);
  const [leaderless] = byLeader.get(-1) ?? [];
  if (leaderless) {
    const { partition } = leaderless;
    throw new RefusedError(ErrorCode.LEADER_NOT_AVAILABLE, `the leader of partition ${partition}`);
  }
  const answers = await Promise.all(
    byLeader.entries().map(([leader, partitions]) =>
      brokers.ask(leader, (connection) => listOffsets(connection, { ...question, partitions }))
    ),
  );
  const offsets = new Map(answers.flatMap((answer) => [...answer]));
  const missing = partitions.find(({ partition }) => !offsets.has(partition));
  if (!missing) return offsets;
  throw new RefusedError(
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    `the offsets of partition ${missing.partition}`,
  );
}

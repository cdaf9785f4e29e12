/**
 * Whether metadata tells about the topic.
 */
import { RefusedError } from "../trouble.ts";
import { ErrorCode } from "../wire/error_codes.ts";
import type { TopicMetadata } from "../wire/metadata.ts";

/**
 * Checks that metadata tells about the topic.
 *
 * @throws {RefusedError} It does not
 */
export function checkTopic(
  { errorCode, partitions }: Pick<TopicMetadata, "errorCode" | "partitions">,
): void {
  const subject = "the topic's metadata";
  if (errorCode !== ErrorCode.NONE) throw new RefusedError(errorCode, subject);
  // A topic that is just being made.
  if (partitions.length === 0) throw new RefusedError(ErrorCode.LEADER_NOT_AVAILABLE, subject);
}

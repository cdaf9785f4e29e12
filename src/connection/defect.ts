/**
 * Defects: errors that should never happen, in a command or in the connection itself.
 */
import { getLogger } from "@logtape/logtape";

const logger = getLogger(["wss", "connection"]);

/**
 * Logs a defect.
 *
 * @param where Properties of the log line that say what was being done
 * @returns A new id, which the log line has. The client may get it, too
 */
export function logDefect(error: unknown, where: Record<string, unknown>): string {
  const id = crypto.randomUUID();
  logger.error("Internal error {id}: {error}", {
    ...where,
    id,
    error: error instanceof Error ? error.stack ?? error.message : String(error),
  });
  return id;
}

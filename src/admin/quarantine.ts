/**
 * What `/quarantine` shows, and how a record gets out of it.
 */
import { getLogger } from "@logtape/logtape";
import * as z from "zod";
import type { Quarantine } from "../log/quarantine.ts";
import type { LogReader } from "../log/reader.ts";
import { recordId } from "../protocol/frames.ts";
import { parseBody, Refusal } from "./http.ts";

const logger = getLogger(["wss", "admin"]);

const replayRequest = z.object({
  partition: z.int().min(0),
  offset: z.int().min(0),
  dryRun: z.boolean().default(true),
});

/** Lists the records in quarantine, the oldest first, for JSON. */
export function listQuarantine(quarantine: Pick<Quarantine, "total" | "records">) {
  return {
    total: quarantine.total,
    records: quarantine.records.map(({ digest: _digest, wasReplayed, ...record }) => ({
      ...record,
      timestamp: record.timestamp === null ? null : new Date(record.timestamp).toISOString(),
      readAt: new Date(record.readAt).toISOString(),
      replayed: wasReplayed,
    })),
  };
}

/**
 * Writes a record of the quarantine to the topic again, once. It is a dry run unless the body says
 * `dryRun: false`.
 *
 * @throws {Refusal} The record is not in quarantine, was or is being replayed, or could not be
 * written
 */
export async function replayFromQuarantine(
  request: Request,
  { quarantine, replay }: { quarantine: Quarantine; replay: LogReader["replay"] },
): Promise<unknown> {
  const { dryRun, ...position } = await parseBody(request, replayRequest);
  const id = recordId(position);
  const record = quarantine.find(position);
  if (!record) throw new Refusal(404, `Record ${id} is not in quarantine`);
  const { reason, until, wasReplayed, goneBecause } = record;
  if (goneBecause !== null) {
    throw new Refusal(409, `Record ${id} is not in the log any more: ${goneBecause}`);
  }
  if (until !== undefined) {
    throw new Refusal(
      409,
      `Record ${id} can't be written again, because it can't be read: ${reason}`,
    );
  }
  if (wasReplayed) {
    throw new Refusal(409, `Record ${id} has already been written to the topic again`);
  }
  if (dryRun) {
    const note = "This was a dry run; to write the record, send dryRun: false";
    return { id, reason, written: false, note };
  }
  const done = quarantine.replaying(record);
  if (!done) throw new Refusal(409, `Record ${id} is just being written to the topic again`);
  try {
    await replay(position);
    quarantine.noteReplay(position);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new Refusal(
      502,
      `Record ${id} may not have been written again: ${why}; look at /quarantine before you retry`,
    );
  } finally {
    done();
  }
  logger.info("Record {id} was written to the topic again", { id });
  return { id, reason, written: true };
}

/**
 * What `/quarantine` shows, and how a record gets out of it.
 */
import { getLogger } from "@logtape/logtape";
import * as z from "zod";
import type { Quarantine } from "../log/quarantine.ts";
import type { LogReader } from "../log/reader.ts";
import { recordId } from "../protocol/frames.ts";
import { parseBody } from "./http/body.ts";
import { ITEM_DEPTH, objectPieces, toJson } from "./http/json.ts";
import { JsonList } from "./http/lists.ts";
import { limitOf, nextPath, parseParam } from "./http/params.ts";
import type { Pieces } from "./http/pieces.ts";
import { Refusal } from "./http/requests.ts";

const logger = getLogger(["wss", "admin"]);

/** The most records that are written again at once. For each, a batch is decompressed. */
const MAX_REPLAYS = 4;

const replayRequest = z.object({
  partition: z.int().min(0),
  offset: z.int().min(0),
  dryRun: z.boolean().default(true),
});

const numberSchema = z.string().regex(/^\d{1,15}$/, "expected the `next` of an answer")
  .transform(Number);

/**
 * Lists the records in quarantine, the oldest first.
 *
 * @param params `limit` and `after`, both optional
 * @throws {Refusal} A parameter is not usable
 */
export function listQuarantine(
  { total, records }: Pick<Quarantine, "total" | "records">,
  params: URLSearchParams,
): Pieces {
  const after = params.has("after")
    ? parseParam(params, { name: "after", schema: numberSchema })
    : -1;
  const first = records[0]?.number ?? 0;
  const list = new JsonList(records.slice(Math.max(0, after + 1 - first)), {
    limit: limitOf(params),
    write: ({ number: _number, digest: _digest, wasReplayed, ...record }) =>
      toJson({
        ...record,
        timestamp: record.timestamp ? new Date(record.timestamp).toISOString() : null,
        readAt: new Date(record.readAt).toISOString(),
        replayed: wasReplayed,
      }, ITEM_DEPTH),
  });
  return objectPieces({
    total,
    records: list.pieces(),
    next: () => {
      const last = list.cutAfter;
      return last ? nextPath("/quarantine", params, { after: String(last.number) }) : null;
    },
  });
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
  if (quarantine.replayCount >= MAX_REPLAYS) {
    const message =
      `${MAX_REPLAYS} records are just being written to the topic again: try again later`;
    throw new Refusal(503, message, { counted: "busy" });
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

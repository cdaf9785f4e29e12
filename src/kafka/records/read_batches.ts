/**
 * Decodes the records of one partition's Fetch answer. Nothing in them makes it throw, stall the
 * event loop or take memory without bounds (KAF9, KAF11).
 */
import type { TimeSlice } from "../../util/time_slice.ts";
import { AbortedTransactions } from "./aborted_transactions.ts";
import {
  type BatchHeader,
  CHECKED_FROM,
  codecOf,
  HEADER_BYTES,
  isControl,
  MAGIC,
} from "./batch_header.ts";
import { BatchWalk } from "./batch_walk.ts";
import { crc32c } from "./crc32c.ts";
import type { DecodedPart, DecodeLimits, FetchedRecords } from "./decoded_part.ts";
import { decompress, isCodec } from "../compression/decompress.ts";
import { RecordDecoder, RECORDS_PER_PART } from "./record_decoder.ts";

/** Bytes of which the checksum is made in one step, which takes about a millisecond. */
const CHECK_BYTES = 1024 * 1024;
/** What a byte costs of a {@linkcode TimeSlice}, of which a turn has 2,048. */
const COST_OF_CHECK = 1 / 4096;
const COST_OF_DECOMPRESSION = 1 / 256;

/**
 * Decodes the record batches of one partition's Fetch answer, and decompresses them step by step, in
 * time slices. The next step is done when the caller asks for the next part.
 *
 * After the last part, the position is `next` or `to` of it. Without any part, the position is as
 * before, and the caller sends the same Fetch again.
 */
export async function* readBatches(
  fetched: FetchedRecords,
  { limits, slice }: { limits: DecodeLimits; slice: TimeSlice },
): AsyncGenerator<DecodedPart, void> {
  const aborted = new AbortedTransactions(fetched.abortedTransactions);
  const walk = new BatchWalk(fetched);
  for (let found = walk.next(); found; found = walk.next()) {
    const { header, batch } = found;
    const problem = await problemWith(found, slice);
    if (problem) {
      yield walk.setAside(header, problem);
      // It may have been the mark of a transaction's end. The next answer will tell what follows.
      if (aborted.isAny) walk.stop();
      continue;
    }
    if (aborted.pass(header, batch) || isControl(header)) {
      walk.position = header.lastOffset + 1;
      yield { kind: "records", records: [], leaderEpoch: header.leaderEpoch, next: walk.position };
      continue;
    }

    const { partition } = fetched;
    const decoder = new RecordDecoder(header, { partition, position: walk.position, limits });
    let reason: string | undefined;
    try {
      for await (const chunk of decompress(codecOf(header), batch.subarray(HEADER_BYTES))) {
        let isKept = false;
        for (const part of decoder.take(chunk)) {
          isKept ||= part.kind === "records" && part.records.length > 0;
          const isStep = part.kind === "records" && part.next <= walk.position;
          if (!isStep) yield part;
          const cost = part.kind === "records" ? part.records.length : 1;
          const nextTurn = slice.spend(isStep ? RECORDS_PER_PART : cost);
          if (nextTurn) await nextTurn;
        }
        if (decoder.isDone) break;
        const { length } = chunk;
        if (!isKept) discard(chunk);
        const nextTurn = slice.spend(length * COST_OF_DECOMPRESSION);
        if (nextTurn) await nextTurn;
      }
    } catch (error) {
      reason = `it can't be decompressed: ${error instanceof Error ? error.message : error}`;
    }
    yield* decoder.finish(reason);
    walk.position = header.lastOffset + 1;
  }
  const rest = walk.rest(limits);
  if (rest) yield rest;
}

/**
 * Gives the memory of a chunk back at once if it has a buffer of its own. As garbage, the chunks of a
 * record that is too large would take some 64 MB until V8 collects them.
 */
function discard({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** A batch that can't be decoded. */
interface Problem {
  readonly reason: string;
  /** Whether the checksum is right. */
  readonly isIntact: boolean;
}

/** Why a batch can't be decoded; `undefined` if it can be. */
async function problemWith(
  { header, batch }: { header: BatchHeader; batch: Uint8Array },
  slice: TimeSlice,
): Promise<Problem | undefined> {
  if (header.magic !== MAGIC) {
    return { reason: `format ${header.magic} of batches is not supported`, isIntact: false };
  }
  let crc = 0;
  for (let at = CHECKED_FROM; at < batch.length; at += CHECK_BYTES) {
    const bytes = batch.subarray(at, at + CHECK_BYTES);
    crc = crc32c(bytes, crc);
    const nextTurn = slice.spend(bytes.length * COST_OF_CHECK);
    if (nextTurn) await nextTurn;
  }
  if (crc !== header.crc) {
    return { reason: "the checksum of the batch is wrong", isIntact: false };
  }
  const codec = codecOf(header);
  if (!isCodec(codec)) return { reason: `codec ${codec} is unknown`, isIntact: true };
  // A batch may have lost all of its records to compaction. Its header is all that is left then.
  if (header.count < 0 || (header.count === 0 && batch.length > HEADER_BYTES)) {
    return { reason: `the batch says that it has ${header.count} records`, isIntact: true };
  }
  return undefined;
}

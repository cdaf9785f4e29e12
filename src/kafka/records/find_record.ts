/**
 * Finds one record in a Fetch answer, with its key and all of its headers, to write it again.
 */
import { Buffer } from "node:buffer";
import type { TimeSlice } from "../../util/time_slice.ts";
import { decompress, isCodec } from "../compression/decompress.ts";
import { type BatchHeader, codecOf, HEADER_BYTES, isControl, MAGIC } from "./batch_header.ts";
import { BatchWalk } from "./batch_walk.ts";
import type { DecodeLimits, FetchedRecords } from "./decoded_part.ts";
import { VarintReader } from "./varints.ts";

/** What a chunk of 64 KiB costs of a {@linkcode TimeSlice}, of which a turn has 2,048. */
const COST_OF_CHUNK = 256;
/** Records that are passed in one step; each costs 1. */
const RECORDS_PER_STEP = 512;

/** A record as its producer wrote it. */
export interface WholeRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** The values by name: a name may come several times. */
  readonly headers: Readonly<Record<string, Buffer[]>>;
}

/**
 * Finds the record at the position, in time slices.
 *
 * @returns `undefined` if it is not there
 * @throws {Error} Its batch can't be decoded
 */
export async function findRecord(
  fetched: FetchedRecords,
  { maxBatchBytes, slice }: Pick<DecodeLimits, "maxBatchBytes"> & { slice: TimeSlice },
): Promise<WholeRecord | undefined> {
  const found = new BatchWalk(fetched).next();
  if (!found || found.header.baseOffset > fetched.position || isControl(found.header)) {
    return undefined;
  }
  const { header, batch } = found;
  if (header.magic !== MAGIC || !isCodec(codecOf(header))) {
    throw new Error("its batch can't be decoded");
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of decompress(codecOf(header), batch.subarray(HEADER_BYTES))) {
    bytes += chunk.length;
    if (bytes > maxBatchBytes) throw new Error(`its batch has more than ${maxBatchBytes} bytes`);
    chunks.push(chunk);
    await slice.spend(COST_OF_CHUNK);
  }
  return await recordAt(fetched.position, header, { bytes: Buffer.concat(chunks), slice });
}

async function recordAt(
  position: number,
  { baseOffset, count }: BatchHeader,
  { bytes, slice }: { bytes: Buffer; slice: TimeSlice },
): Promise<WholeRecord | undefined> {
  const reader = new VarintReader(bytes);
  for (let i = 0; i < count && !reader.isBroken; i++) {
    if (i % RECORDS_PER_STEP === 0) await slice.spend(RECORDS_PER_STEP);
    const length = reader.int32();
    const end = reader.at + length;
    reader.skip(1); // the attributes, which have no meaning yet
    reader.int64(); // the time
    if (baseOffset + reader.int32() !== position) {
      reader.skip(end - reader.at);
      continue;
    }
    const key = takeBytes(reader, bytes);
    const value = takeBytes(reader, bytes);
    const headers: Record<string, Buffer[]> = Object.create(null);
    for (let left = reader.int32(); left > 0 && !reader.isBroken; left--) {
      const name = takeBytes(reader, bytes)?.toString() ?? "";
      (headers[name] ??= []).push(takeBytes(reader, bytes) ?? Buffer.alloc(0));
    }
    if (reader.isBroken) throw new Error("it can't be decoded");
    return { key, value, headers };
  }
  return undefined;
}

function takeBytes(reader: VarintReader, bytes: Buffer): Buffer | null {
  const length = reader.int32();
  const start = reader.at;
  reader.skip(length);
  return length < 0 ? null : bytes.subarray(start, start + length);
}

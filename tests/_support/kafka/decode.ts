/** Decodes batches to the end. */
import type { LogRecord } from "../../../src/log/reader.ts";
import type {
  DecodedPart,
  DecodeLimits,
  FetchedRecords,
} from "../../../src/kafka/records/decoded_part.ts";
import { readBatches } from "../../../src/kafka/records/read_batches.ts";
import { TimeSlice } from "../../../src/util/time_slice.ts";

const LIMITS: DecodeLimits = { maxRecordBytes: 8 * 2 ** 20, maxBatchBytes: 64 * 2 ** 20 };

const decoder = new TextDecoder();

/** Decodes the batches of an answer, and checks that its parts follow each other. */
export async function decodeAll(
  records: Uint8Array,
  { limits = LIMITS, ...fetched }: Partial<FetchedRecords> & { limits?: DecodeLimits } = {},
) {
  const parts: DecodedPart[] = [];
  let position = fetched.position ?? 0;
  const all: LogRecord[] = [];
  const batches = readBatches(
    {
      partition: 0,
      position,
      end: Number.MAX_SAFE_INTEGER,
      abortedTransactions: [],
      records,
      ...fetched,
    },
    { limits, slice: new TimeSlice() },
  );
  for await (const part of batches) {
    parts.push(part);
    if (part.kind === "incomplete") continue;
    const [from, to] = part.kind === "records" ? [position, part.next] : [part.from, part.to];
    if (from < position || to <= from) throw new Error(`Out of order: ${JSON.stringify(part)}`);
    if (part.kind === "records") {
      for (const record of part.records) {
        if (record.offset < position || record.offset >= to) throw new Error("Out of order");
        position = record.offset + 1;
        all.push(record);
      }
    }
    position = to;
  }
  return {
    parts,
    records: all,
    position,
    /** The values as text, by offset. */
    values: Object.fromEntries(
      all.map(({ offset, value }) => [offset, value && decoder.decode(value)]),
    ),
    setAside: parts.filter((part) => part.kind === "setAside"),
  };
}

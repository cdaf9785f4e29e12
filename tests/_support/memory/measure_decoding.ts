/**
 * How much memory the decoding of a batch takes. The argument is the batch's file. Prints the numbers
 * of records and of bytes by which the memory of the process grew at most.
 */
import { readBatches } from "../../../src/kafka/records/read_batches.ts";
import { TimeSlice } from "../../../src/util/time_slice.ts";

const records = Deno.readFileSync(Deno.args[0] ?? "");
const rss = () => Deno.memoryUsage().rss;
const before = rss();
let most = before;
const timer = setInterval(() => most = Math.max(most, rss()), 1);

let count = 0;
const batches = readBatches(
  { partition: 0, position: 0, end: 2 ** 31, abortedTransactions: [], records },
  {
    limits: { maxRecordBytes: 8 * 2 ** 20, maxBatchBytes: 64 * 2 ** 20 },
    slice: new TimeSlice(),
  },
);
for await (const part of batches) {
  if (part.kind === "records") count += part.records.length;
}

clearInterval(timer);
// deno-lint-ignore no-console
console.log(JSON.stringify({ count, grownBytes: Math.max(most, rss()) - before }));

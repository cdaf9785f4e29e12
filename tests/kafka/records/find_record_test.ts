/** Finding one record, to write it again. */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { encodeBatch } from "../../_support/kafka/batches.ts";
import { findRecord } from "../../../src/kafka/records/find_record.ts";
import { TimeSlice } from "../../../src/util/time_slice.ts";

Deno.test("[KAF11] a record behind many others is found, and the event loop is left free meanwhile", async () => {
  const value = Buffer.from("the last");
  const others = Array.from({ length: 20_000 }, () => ({ value: null }));
  const records = encodeBatch([...others, { value }], { codec: "lz4" });
  let turns = 0;
  let isFound = false;
  const count = () => {
    turns++;
    if (!isFound) setImmediate(count);
  };
  setImmediate(count);

  const found = await findRecord(
    { partition: 0, position: 20_000, end: 20_001, abortedTransactions: [], records },
    { maxBatchBytes: 1_000_000, slice: new TimeSlice() },
  );

  isFound = true;
  assertEquals(found?.value, value);
  assert(turns >= 5, `${turns} turns`);
});

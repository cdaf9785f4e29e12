/** Records that come in pieces, and numbers of all lengths. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { encodeBatch, varint } from "../../_support/kafka/batches.ts";
import { decodeAll } from "../../_support/kafka/decode.ts";
import { type BatchHeader, readHeader } from "../../../src/kafka/records/batch_header.ts";
import type { DecodedPart } from "../../../src/kafka/records/decoded_part.ts";
import { RecordDecoder } from "../../../src/kafka/records/record_decoder.ts";
import { VarintReader } from "../../../src/kafka/records/varints.ts";

/** Timestamps and their differences are within it. */
const EXACT = fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 });
const LIMITS = { maxRecordBytes: 3000, maxBatchBytes: 1_000_000 };

/** Decodes the records of a batch, of which so many bytes come at a time. */
function decodeIn(batch: Uint8Array, sizes: number[]) {
  const header = readHeader(new DataView(batch.buffer), 0) as BatchHeader;
  const decoder = new RecordDecoder(header, { partition: 0, position: 0, limits: LIMITS });
  const parts: DecodedPart[] = [];
  let at = 61;
  for (let i = 0; at < batch.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    // A piece of its own, as values may be views of it.
    parts.push(...decoder.take(batch.slice(at, at + size)));
    at += size;
  }
  parts.push(...decoder.finish());
  const found: [offset: number, ...unknown[]][] = [];
  for (const part of parts) {
    if (part.kind === "setAside") found.push([part.from, part.to, part.reason]);
    if (part.kind !== "records") continue;
    for (const { offset, value, headers } of part.records) {
      found.push([offset, value?.length, headers]);
    }
  }
  return found;
}

Deno.test("records that come in pieces are the same, wherever they are cut", () => {
  const traceparent = new TextEncoder().encode("00-1");
  const lengths = [0, 1, 63, 64, 100, 3000, 3001, 4, 70_000, 5, 9000, 2];
  const batch = encodeBatch(lengths.map((length) => ({
    value: new Uint8Array(length),
    headers: [["traceparent", traceparent]],
  })));
  const whole = decodeIn(batch, [batch.length]);
  assertEquals(whole.map(([offset]) => offset), lengths.map((_, i) => i));
  assertEquals(whole[8], [8, 9, "the record has 70025 bytes"]);

  for (const size of [1, 2, 3, 7, 64]) assertEquals(decodeIn(batch, [size]), whole);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1 }), (sizes) => {
      assertEquals(decodeIn(batch, sizes), whole);
    }),
  );
});

Deno.test("[KAF11] records in front of the position are passed in steps, and give no part", async () => {
  const batch = encodeBatch(Array.from({ length: 2000 }, () => ({ value: null })));
  const header = readHeader(new DataView(batch.buffer), 0) as BatchHeader;
  const decoder = new RecordDecoder(header, { partition: 0, position: 1999, limits: LIMITS });

  const steps = [...decoder.take(batch.subarray(61))].map((part) =>
    part.kind === "records" && [part.records.length, part.next]
  );

  assertEquals(steps, [[0, 1999], [0, 1999], [0, 1999], [1, 2000]]);
  const { parts } = await decodeAll(batch, { position: 1999 });
  assertEquals(parts.length, 1);
});

Deno.test("numbers are read as they were written, and broken ones are noticed", () => {
  fc.assert(fc.property(fc.integer(), EXACT, (small, large) => {
    const bytes = new Uint8Array([...varint(small), ...varint(large)]);
    const reader = new VarintReader(bytes);
    assertEquals([reader.int32(), reader.int64(), reader.isBroken], [small, large, false]);
    for (let length = 0; length < bytes.length; length++) {
      const cut = new VarintReader(bytes.subarray(0, length));
      cut.int32();
      cut.int64();
      assertEquals(cut.isBroken, true);
    }
  }));

  const isBroken = (read: "int32" | "int64", ...bytes: number[]) => {
    const reader = new VarintReader(new Uint8Array(bytes));
    reader[read]();
    return reader.isBroken;
  };
  assertEquals(isBroken("int32", 0xff, 0xff, 0xff, 0xff, 0x0f), false);
  assertEquals(isBroken("int32", 0xff, 0xff, 0xff, 0xff, 0x1f), true);
  assertEquals(isBroken("int32", 0x80, 0x80, 0x80, 0x80, 0x80, 0), true);
  assertEquals(isBroken("int64", ...Array(10).fill(0x80), 0), true);
});

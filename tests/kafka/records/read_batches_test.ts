/** What is decoded of batches that are as they should be. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type CodecName,
  CODECS,
  concat,
  encodeBatch,
  encodeMark,
  type TestRecord,
} from "../../_support/kafka/batches.ts";
import { decodeAll } from "../../_support/kafka/decode.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const valued = (...values: string[]) => values.map((value) => ({ value: bytes(value) }));
const codecs = Object.keys(CODECS) as CodecName[];

Deno.test("batches are decoded in order, each with its leader epoch", async () => {
  const { parts } = await decodeAll(
    concat([
      encodeBatch(valued("a", "b"), { baseOffset: 5, leaderEpoch: 1 }),
      encodeBatch([{ value: null }], { baseOffset: 7, leaderEpoch: 2 }),
    ]),
    { partition: 3, position: 5 },
  );

  const place = { partition: 3, timestamp: 1000, headers: {} };
  assertEquals(parts, [
    {
      kind: "records",
      records: [
        { ...place, offset: 5, value: bytes("a") },
        { ...place, offset: 6, value: bytes("b") },
      ],
      leaderEpoch: 1,
      next: 7,
    },
    {
      kind: "records",
      records: [{ ...place, offset: 7, value: null }],
      leaderEpoch: 2,
      next: 8,
    },
  ]);
});

Deno.test("a record's time is its producer's, or the broker's for the whole batch", async () => {
  const records = [0, 5, -3, 2 ** 40].map((timestampDelta) => ({ timestampDelta, value: null }));
  const times = { baseTimestamp: 1_700_000_000_000, maxTimestamp: 1_800_000_000_000 };
  const timesOf = async (attributes: number) =>
    (await decodeAll(encodeBatch(records, { ...times, attributes })))
      .records.map(({ timestamp }) => timestamp - times.baseTimestamp);

  assertEquals(await timesOf(0), [0, 5, -3, 2 ** 40]);
  assertEquals(await timesOf(0x08), Array(4).fill(100_000_000_000));
});

Deno.test("of the headers, traceparent and replays are decoded, the last of several", async () => {
  const { records } = await decodeAll(encodeBatch([
    {
      key: bytes("key"),
      value: bytes("value"),
      headers: [
        ["traceparent", bytes("first")],
        ["traceparenT", bytes("x")],
        ["", null],
        ["replays", bytes("0-7")],
        ["traceparent", bytes("00-é")],
      ],
    },
    { value: null, headers: [["replays", null], ["traceparent", bytes("x".repeat(257))]] },
  ]));

  assertEquals(records.map(({ headers }) => headers), [
    { traceparent: "00-é", replays: "0-7" },
    {},
  ]);
});

Deno.test("records before the position are left out, and the position moves over gaps", async () => {
  // Compaction has removed the records 11, 13 and 14.
  const compacted = [{ delta: 0, value: bytes("10") }, { delta: 2, value: bytes("12") }];
  const { values, position } = await decodeAll(
    concat([
      encodeBatch(compacted, { baseOffset: 10, lastDelta: 4 }),
      encodeBatch([], { baseOffset: 15, lastDelta: 3 }),
      encodeBatch(valued("20"), { baseOffset: 20 }),
    ]),
    { position: 12 },
  );

  assertEquals(values, { 12: "12", 20: "20" });
  assertEquals(position, 21);
});

Deno.test("records of aborted transactions are left out, marks only move the position", async () => {
  const part = (baseOffset: number, producerId: number, attributes = 0x10) =>
    encodeBatch(valued(`${producerId} at ${baseOffset}`), { baseOffset, producerId, attributes });
  const mark = (baseOffset: number, producerId: number, kind: "abort" | "commit") =>
    encodeMark(kind, { baseOffset, producerId });

  const { values, position, setAside } = await decodeAll(
    concat([
      part(0, 1),
      part(1, 2),
      part(2, 1, 0), // without a transaction
      mark(3, 1, "abort"),
      part(4, 1),
      mark(5, 2, "commit"),
      part(6, 2),
      mark(7, 2, "abort"),
      mark(8, 1, "commit"),
      part(9, 3),
      mark(10, 3, "abort"),
    ]),
    {
      abortedTransactions: [
        { producerId: 3n, firstOffset: 9 },
        { producerId: 2n, firstOffset: 6 },
        { producerId: 1n, firstOffset: 0 },
      ],
    },
  );

  assertEquals(values, { 1: "2 at 1", 2: "1 at 2", 4: "1 at 4" });
  assertEquals([position, setAside], [11, []]);
});

Deno.test("an incomplete last batch is ignored; an incomplete first one says how long it is", async () => {
  const first = encodeBatch(valued("a"));
  const second = encodeBatch(valued("b"), { baseOffset: 1 });
  for (let length = 0; length < second.length; length++) {
    const { values, position, parts } = await decodeAll(
      concat([first, second.subarray(0, length)]),
    );
    assertEquals([values, position, parts.length], [{ 0: "a" }, 1, 1]);
  }

  for (let length = 17; length < second.length; length++) {
    const { parts } = await decodeAll(second.subarray(0, length), { position: 1 });
    assertEquals(parts, [{ kind: "incomplete", bytes: second.length }]);
  }
  assertEquals((await decodeAll(new Uint8Array(0))).parts, []);
});

Deno.test("a batch of 200,000 small records is decoded in parts", async () => {
  const batch = encodeBatch(Array.from({ length: 200_000 }, () => ({ value: null })));

  const { records, parts, setAside } = await decodeAll(batch);

  assertEquals([records.length, setAside.length], [200_000, 0]);
  assertEquals(parts.length, Math.ceil(200_000 / 512));
});

Deno.test("[KAF7] what is encoded is decoded, with each codec", async () => {
  const record: fc.Arbitrary<TestRecord> = fc.record({
    key: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: null }),
    value: fc.option(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat({ max: 200_000 }).map((length) => new Uint8Array(length).fill(length)),
      ),
      { nil: null },
    ),
    timestampDelta: fc.integer(),
    headers: fc.array(
      fc.tuple(
        fc.string({ maxLength: 8 }),
        fc.option(fc.uint8Array({ maxLength: 8 }), { nil: null }),
      ),
      { maxLength: 3 },
    ),
  });
  const batch = fc.tuple(
    fc.constantFrom(...codecs),
    fc.array(record, { minLength: 1, maxLength: 30 }),
  );

  await fc.assert(
    fc.asyncProperty(fc.array(batch, { maxLength: 4 }), async (batches) => {
      let baseOffset = 0;
      const encoded = batches.map(([codec, records]) => {
        const bytes = encodeBatch(records, { codec, baseOffset });
        baseOffset += records.length;
        return bytes;
      });

      const { records, setAside, position } = await decodeAll(concat(encoded));

      assertEquals(setAside, []);
      assertEquals(position, baseOffset);
      assertEquals(
        records.map(({ offset, timestamp, value }) => ({ offset, timestamp, value })),
        batches.flatMap(([, records]) => records).map((record, offset) => ({
          offset,
          timestamp: 1000 + (record.timestampDelta ?? 0),
          value: record.value,
        })),
      );
    }),
    { numRuns: 60 },
  );
});

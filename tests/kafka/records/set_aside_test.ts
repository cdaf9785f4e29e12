/** Batches that can't be decoded, or only in part (KAF9). */
import { assertEquals } from "@std/assert";
import {
  type CodecName,
  CODECS,
  concat,
  encodeBatch,
  encodeContent,
  encodeMark,
  encodeRecord,
  finishBatch,
  seal,
  varint,
} from "../../_support/kafka/batches.ts";
import { decodeAll } from "../../_support/kafka/decode.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const valued = (...values: string[]) => values.map((value) => ({ value: bytes(value) }));
const codecs = Object.keys(CODECS) as CodecName[];

/** Two records, then the batch, then another record: offsets 10 to 11, 12 to 14, 15. */
function between(batch: Uint8Array): Uint8Array {
  return concat([
    encodeBatch(valued("10", "11"), { baseOffset: 10 }),
    batch,
    encodeBatch(valued("15"), { baseOffset: 15 }),
  ]);
}

const AROUND = { 10: "10", 11: "11", 15: "15" };
const GOOD = encodeBatch(valued("12", "13", "14"), { baseOffset: 12 });

function changed(change: (view: DataView, batch: Uint8Array) => void): Uint8Array {
  const batch = GOOD.slice();
  change(new DataView(batch.buffer), batch);
  return batch;
}

async function assertSetAside(
  batch: Uint8Array,
  { from = 12, to = 15, reason, values = {} }: {
    from?: number;
    to?: number;
    reason: string;
    values?: Record<number, string>;
  },
): Promise<void> {
  const decoded = await decodeAll(between(batch), { position: 10, end: 16 });
  assertEquals(
    decoded.setAside.map(({ from, to, reason }) => ({ from, to, reason })),
    [{ from, to, reason }],
  );
  assertEquals(decoded.values, { ...AROUND, ...values });
  assertEquals(decoded.position, 16);
}

Deno.test("[KAF9] a batch that can't be decoded is set aside, and what follows is read", async () => {
  await assertSetAside(changed((view) => view.setInt8(65, 0x55)), {
    reason: "the checksum of the batch is wrong",
  });
  await assertSetAside(changed((view) => view.setInt8(16, 3)), {
    reason: "format 3 of batches is not supported",
  });
  await assertSetAside(changed((view) => view.setInt8(16, 1)), {
    reason: "format 1 of batches is not supported",
  });
  await assertSetAside(seal(changed((view) => view.setInt16(21, 5))), {
    reason: "codec 5 is unknown",
  });
  await assertSetAside(seal(changed((view) => view.setInt32(57, -1))), {
    reason: "the batch says that it has -1 records",
  });
  await assertSetAside(seal(changed((view) => view.setInt32(57, 0))), {
    reason: "the batch says that it has 0 records",
  });
});

Deno.test("[KAF9] where a batch contradicts itself, no good record is set aside with it", async () => {
  const long = changed((view) => view.setInt32(23, 3));
  assertEquals((await decodeAll(between(long), { position: 10 })).values, AROUND);
  // As the last batch of an answer, with a great number of records that the log has.
  const { setAside } = await decodeAll(changed((view) => view.setInt32(23, 1000)), {
    position: 12,
  });
  assertEquals(setAside.map(({ from, to }) => [from, to]), [[12, 15]]);
});

Deno.test("[KAF9] records of a batch whose count, lengths or offsets lie are set aside", async () => {
  const at = { baseOffset: 12 };
  const content = GOOD.subarray(61);
  await assertSetAside(encodeContent(content, { ...at, count: 2, lastDelta: 2 }), {
    from: 14,
    values: { 12: "12", 13: "13" },
    reason: "the batch has more records than its header says",
  });
  await assertSetAside(encodeContent(content.subarray(0, -1), { ...at, count: 3 }), {
    from: 14,
    values: { 12: "12", 13: "13" },
    reason: "the batch ends in the middle of its records",
  });
  await assertSetAside(
    encodeBatch([0, 1, 1].map((delta) => ({ delta, value: bytes("x") })), {
      ...at,
      lastDelta: 2,
    }),
    {
      from: 14,
      values: { 12: "x", 13: "x" },
      reason: "the offsets of the records are not in order",
    },
  );
  await assertSetAside(encodeContent(concat([varint(-5), content]), { ...at, count: 3 }), {
    reason: "the length of a record is broken",
  });
});

Deno.test("[KAF9] a record whose own lengths lie is set aside alone", async () => {
  const at = { baseOffset: 12, count: 3 };
  const [first, , third] = ["12", "13", "14"].map((value, delta) =>
    encodeRecord({ delta, value: bytes(value) })
  ) as [Uint8Array, Uint8Array, Uint8Array];
  const fields = [0, 0, 2]; // attributes, time, offset
  const broken = [
    [...fields, 1, 100, 65, 0], // the value ends behind the record
    [...fields, 1, 2, 65, 65, 0], // there are bytes behind the headers
    [...fields, 1, 2, 65, 80], // more headers than bytes
    [...fields, 1, 2, 65, 2, 1], // a header without a name
    [0, 0, 0x82], // the offset is cut short
    [],
  ];
  for (const record of broken) {
    const content = concat([first, varint(record.length), new Uint8Array(record), third]);
    await assertSetAside(encodeContent(content, at), {
      from: 13,
      to: 14,
      values: { 12: "12", 14: "14" },
      reason: "the lengths within the record are broken",
    });
  }
});

Deno.test("[KAF9] broken compressed data is set aside from the first record that is lost", async () => {
  for (const codec of codecs.filter((codec) => codec !== "none")) {
    const records = Array.from({ length: 2000 }, (_, i) => ({ value: bytes(`value ${i * i}`) }));
    const whole = encodeBatch(records, { codec });
    const cut = whole.slice(61, -Math.floor(whole.length / 3));
    const batch = finishBatch(cut, { attributes: CODECS[codec], count: 2000, lastDelta: 1999 });

    const { setAside, values, position } = await decodeAll(batch);

    const [rest] = setAside;
    assertEquals([setAside.length, rest?.to, position], [1, 2000, 2000], codec);
    assertEquals(Object.keys(values).length, rest?.from, codec);
    assertEquals(values[0] ?? "value 0", "value 0");
  }
});

Deno.test("[KAF9] a batch that says that it is where it can't be is left to the next answer", async () => {
  const misplaced = [
    changed((view) => view.setBigInt64(0, 11n)),
    changed((view) => view.setBigInt64(0, -1n)),
    changed((view) => view.setBigInt64(0, 2n ** 60n)),
    changed((view) => view.setInt32(23, -1)),
    changed((view) => view.setInt32(8, 40)),
    changed((view) => view.setInt32(8, -1)),
  ];
  for (const batch of misplaced) {
    const { values, setAside, position } = await decodeAll(between(batch), {
      position: 10,
      end: 16,
    });
    assertEquals([values, setAside, position], [{ 10: "10", 11: "11" }, [], 12]);
    // If that answer begins with it, only one offset is lost, and the reader goes on behind it. But a
    // batch that begins a little earlier can't be told from a good one.
    if (new DataView(batch.buffer).getBigInt64(0) === 11n) continue;
    const next = await decodeAll(batch, { position: 12, end: 16 });
    assertEquals(next.setAside.map(({ from, to }) => [from, to]), [[12, 13]]);
  }
});

Deno.test("[KAF9] an answer with earlier batches only is passed, one offset at a time", async () => {
  const { position, setAside } = await decodeAll(GOOD, { position: 20, end: 30 });
  assertEquals([position, setAside.map(({ from, to }) => [from, to])], [21, [[20, 21]]]);

  const later = await decodeAll(
    concat([GOOD, encodeBatch(valued("20"), { baseOffset: 20 })]),
    { position: 20, end: 30 },
  );
  assertEquals([later.position, later.values, later.setAside], [21, { 20: "20" }, []]);
});

Deno.test("[KAF9] a batch that is cut short again, or too large, is set aside", async () => {
  const cut = GOOD.subarray(0, -1);
  const { parts } = await decodeAll(cut, { position: 12, end: 20, isWhole: true });
  assertEquals(parts.map((part) => part.kind === "setAside" && [part.from, part.to]), [[12, 15]]);

  const large = changed((view) => view.setInt32(8, 100_000_000));
  const { setAside } = await decodeAll(large, { position: 12, end: 20 });
  assertEquals(setAside.map(({ to, reason }) => [to, reason]), [[
    15,
    "the batch has 100000012 bytes",
  ]]);
});

Deno.test("[KAF9] after a broken mark of an aborted transaction, the next answer is awaited", async () => {
  const mark = encodeMark("abort", { baseOffset: 1, producerId: 1 });
  mark[65] = 0xff;
  const later = encodeBatch(valued("2"), { baseOffset: 2, producerId: 1, attributes: 0x10 });
  const { position, values } = await decodeAll(
    concat([
      encodeBatch(valued("0"), { producerId: 1, attributes: 0x10 }),
      mark,
      later,
    ]),
    { abortedTransactions: [{ producerId: 1n, firstOffset: 0 }] },
  );
  assertEquals([position, values], [2, {}]);
});

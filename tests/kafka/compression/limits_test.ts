/** How far batches are decompressed (KAF11). */
import { assert, assertEquals } from "@std/assert";
import {
  type CodecName,
  CODECS,
  concat,
  encodeBatch,
  finishBatch,
} from "../../_support/kafka/batches.ts";
import { decodeAll } from "../../_support/kafka/decode.ts";
import { decompress } from "../../../src/kafka/compression/decompress.ts";
import { lz4Chunks } from "../../../src/kafka/compression/lz4.ts";
import { snappyChunks } from "../../../src/kafka/compression/snappy.ts";

const codecs = Object.keys(CODECS) as CodecName[];
const LIMITS = { maxRecordBytes: 100_000, maxBatchBytes: 1_000_000 };
const value = (bytes: number) => ({ value: new Uint8Array(bytes).fill(97) });

Deno.test("[KAF11] a record over the limit is set aside, its neighbours are read, with each codec", async () => {
  for (const codec of codecs) {
    for (const size of [100_001, 165_535, 200_000, 700_000]) {
      const batch = encodeBatch([value(5), value(size), value(6), value(100_000)], { codec });

      const { records, setAside, position } = await decodeAll(batch, { limits: LIMITS });

      const sizes = records.map(({ offset, value }) => [offset, value?.length]);
      assertEquals(sizes, [[0, 5], [2, 6], [3, 100_000]], `${codec} ${size}`);
      assertEquals(setAside.map(({ from, to }) => [from, to]), [[1, 2]]);
      assertEquals(position, 4);
    }
  }
});

Deno.test("[KAF11] decompression stops at the limit of a batch, and the rest is set aside", async () => {
  for (const codec of codecs) {
    const values = Array.from({ length: 30 }, () => value(50_000));
    const { records, setAside } = await decodeAll(encodeBatch(values, { codec }), {
      limits: LIMITS,
    });

    assertEquals(records.length, 19);
    assertEquals(setAside, [{
      kind: "setAside",
      from: 19,
      to: 30,
      reason: "the batch has more than 1000000 bytes, decompressed",
      leaderEpoch: 0,
    }]);
  }
});

Deno.test("[KAF11] of a large record, only the beginning is decompressed if nothing follows it", async () => {
  for (const codec of codecs.filter((codec) => codec !== "none")) {
    const batch = encodeBatch([value(20_000_000)], { codec });
    const { setAside } = await decodeAll(batch, {
      limits: { maxRecordBytes: 1000, maxBatchBytes: 200_000 },
    });
    assertEquals(setAside.map(({ reason }) => reason), ["the record has 20000009 bytes"]);
  }
});

Deno.test("[KAF11] chunks are small, and no larger for data that says it is large", async () => {
  for (const codec of codecs.filter((codec) => codec !== "none")) {
    const data = encodeBatch([value(3_000_000)], { codec }).subarray(61);
    let total = 0;
    for await (const chunk of decompress(CODECS[codec], data)) {
      assert(chunk.length <= 128 * 1024);
      total += chunk.length;
    }
    assertEquals(total, 3_000_013);
  }
});

Deno.test("[KAF11] lengths within compressed data that lie are noticed, and take no memory", async () => {
  const huge = [0xff, 0xff, 0xff, 0xff];
  const frame = [4, 0x22, 0x4d, 0x18, 0x40, 0x70, 0];
  const lies: [number, number[], string][] = [
    [CODECS.snappy, [...huge, 0x0f, 0, 65], "a block is shorter than it says"],
    [CODECS.snappy, [...huge, 0x0f, 63 << 2, ...huge], "a block is longer than it says"],
    [
      CODECS.snappy,
      [...huge, 0x0f, 63 << 2, 0xf0, ...huge.slice(1)],
      "the compressed data is cut short",
    ],
    [CODECS.snappy, [...huge, 0xff, 0x0f], "the length is broken"],
    [CODECS.snappy, [2, 8, 65, 65, 65], "a block is longer than it says"],
    [CODECS.snappy, [10, 0, 65, 2, 9, 0], "the compressed data refers to 9 bytes before"],
    [CODECS.snappy, [10, 0, 65, 2, 0, 0], "the compressed data refers to 0 bytes before"],
    [CODECS.snappy, [10, 0, 65, 3, 0, 0], "the compressed data is cut short"],
    [CODECS.lz4, [1, 2, 3, 4, 5, 6, 7], "the data does not begin as LZ4 does"],
    [CODECS.lz4, [4, 0x22, 0x4d, 0x18, 0xc0, 0x70, 0], "this kind of LZ4 frame is unknown"],
    [CODECS.lz4, [...frame, ...huge, 65], "the compressed data is cut short"],
    [
      CODECS.lz4,
      [...frame, 0xff, 0xff, 0xff, 0x7f, 0xf0, ...huge],
      "the compressed data is cut short",
    ],
    [
      CODECS.lz4,
      [...frame, 5, 0, 0, 0, 0x10, 65, 9, 0, 0],
      "the compressed data refers to 9 bytes before",
    ],
  ];
  for (const [attributes, data, reason] of lies) {
    const batch = finishBatch(new Uint8Array(data), { attributes, count: 1 });
    const { setAside } = await decodeAll(batch);
    assertEquals(setAside.map(({ from, to, reason }) => [from, to, reason]), [[
      0,
      1,
      `it can't be decompressed: ${reason}`,
    ]]);
  }
});

Deno.test("[KAF11] LZ4 leaves the event loop free also within blocks without content", () => {
  // An uncompressed block of no bytes.
  const block = [0, 0, 0, 0x80];
  const blocks = new Uint8Array(4 * 1024 * 1024).map((_, i) => block[i % 4] ?? 0);
  const frame = concat([
    new Uint8Array([4, 0x22, 0x4d, 0x18, 0x40, 0x70, 0]),
    blocks,
    new Uint8Array(4),
  ]);
  assertEquals([...lz4Chunks(frame)].map(({ length }) => length), [0, 0, 0, 0, 0]);
});

Deno.test("[KAF11] snappy leaves the event loop free also within blocks without content", () => {
  // A block of one byte, which says that the content has no bytes.
  const block = [0, 0, 0, 1, 0];
  const blocks = new Uint8Array(5 * 1024 * 1024).map((_, i) => block[i % 5] ?? 0);
  const header = new Uint8Array(16);
  header.set([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59]);
  const chunks = [...snappyChunks(concat([header, blocks]))];
  assertEquals(chunks.map(({ length }) => length), [0, 0, 0, 0, 0, 0]);
});

Deno.test("[KAF11] a record whose key and headers are too large is set aside, its neighbours are read", async () => {
  const empty = ["replays", new Uint8Array(0)] as const;
  const many = { value: new Uint8Array(7), headers: Array(10_000).fill(empty) };
  const key = { key: new Uint8Array(70_000), value: null };

  const { values, setAside } = await decodeAll(
    encodeBatch([value(1), many, value(2), key, value(3)], { codec: "zstd" }),
  );

  assertEquals(values, { 0: "a", 2: "aa", 4: "aaa" });
  assertEquals(setAside.map(({ from, to, reason }) => [from, to, reason]), [
    [1, 2, "the key and headers have 90008 bytes"],
    [3, 4, "the key and headers have 70008 bytes"],
  ]);
});

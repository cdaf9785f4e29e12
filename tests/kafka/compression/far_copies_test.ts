/** Snappy whose copies reach back far, as Go's s2.EncodeSnappy writes them (KAF7). */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CODECS, concat, encodeRecord, finishBatch } from "../../_support/kafka/batches.ts";
import { decodeAll } from "../../_support/kafka/decode.ts";
import { BrokenStreamError } from "../../../src/kafka/compression/lz_output.ts";
import { snappyChunks } from "../../../src/kafka/compression/snappy.ts";

/** What a block is made of: bytes as they are, or a copy of what is so many bytes before. */
type Piece = Uint8Array | { readonly distance: number; readonly length: number };

const KIB = 1024;
/** The most bytes that one element copies. */
const MOST_COPIED = 64;

/** Writes a block in snappy's raw format, with distances of 32 bits. */
function encodeBlock(pieces: readonly Piece[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let left = pieces.reduce((sum, { length }) => sum + length, 0);
  for (; left >= 0x80; left >>>= 7) parts.push(new Uint8Array([left % 0x80 + 0x80]));
  parts.push(new Uint8Array([left]));
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      parts.push(element(63 << 2, piece.length - 1), piece);
      continue;
    }
    for (let { length } = piece; length > 0; length -= MOST_COPIED) {
      const count = Math.min(length, MOST_COPIED);
      parts.push(element((count - 1) << 2 | 3, piece.distance));
    }
  }
  return concat(parts);
}

/** A tag, and a number of 4 bytes. */
function element(tag: number, number: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = tag;
  new DataView(bytes.buffer).setUint32(1, number, true);
  return bytes;
}

/** What the pieces of a block are, decompressed. */
function contentOf(pieces: readonly Piece[]): Uint8Array {
  const content = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      content.set(piece, at);
      at += piece.length;
    } else {
      for (const end = at + piece.length; at < end; at++) {
        content[at] = content[at - piece.distance] ?? 0;
      }
    }
  }
  return content;
}

/** Several blocks as the xerial format has them, each with its length in front. */
function joinBlocks(blocks: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(16);
  header.set([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59]);
  const sized = blocks.flatMap((block) => {
    const size = new Uint8Array(4);
    new DataView(size.buffer).setInt32(0, block.length);
    return [size, block];
  });
  return concat([header, ...sized]);
}

/** Bytes that are nowhere the same. */
function noise(length: number): Uint8Array {
  let state = length;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

Deno.test("[KAF7] all records of a snappy block of a megabyte are decoded, however far its copies reach", async () => {
  const value = noise(300 * KIB);
  const first = encodeRecord({ delta: 0, value });
  const pieces: Piece[] = [first];
  for (let delta = 1; delta < 4; delta++) {
    const record = encodeRecord({ delta, value });
    // Its head has its offset; the rest is that of the first record.
    const head = record.slice(0, 20);
    pieces.push(head, { distance: delta * first.length, length: record.length - head.length });
  }
  const batch = finishBatch(encodeBlock(pieces), {
    attributes: CODECS.snappy,
    count: 4,
    lastDelta: 3,
  });

  const { records, setAside } = await decodeAll(batch);

  assertEquals(setAside, []);
  assertEquals(records.map((record) => record.value && Buffer.compare(record.value, value)), [
    0,
    0,
    0,
    0,
  ]);
});

Deno.test("[KAF7] snappy is decompressed to what was compressed, with copies from anywhere in their block", () => {
  const count = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200 * KIB }));
  const part = fc.oneof(
    { weight: 1, arbitrary: count },
    {
      weight: 3,
      arbitrary: fc.record({ count, percent: fc.nat({ max: 100 }) }),
    },
  );
  const block = fc.array(part, { minLength: 1, maxLength: 12 }).map((parts) => {
    const pieces: Piece[] = [noise(600 * KIB)];
    let written = 600 * KIB;
    for (const part of parts) {
      const length = typeof part === "number" ? part : part.count;
      // A share of the way back to the block's beginning.
      pieces.push(
        typeof part === "number"
          ? noise(length)
          : { distance: Math.max(1, Math.floor(part.percent * written / 100)), length },
      );
      written += length;
    }
    return pieces;
  });
  fc.assert(
    fc.property(
      fc.array(block, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      (blocks, isXerial) => {
        const used = isXerial ? blocks : blocks.slice(0, 1);
        const encoded = used.map(encodeBlock);
        const data = isXerial ? joinBlocks(encoded) : concat(encoded);

        const chunks = [...snappyChunks(data)];

        assert(chunks.every(({ length }) => length <= 64 * KIB));
        assertEquals(Buffer.compare(concat(chunks), concat(used.map(contentOf))), 0);
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("[KAF7] a copy does not reach a block before its own", () => {
  const blocks = [[noise(100)], [noise(10), { distance: 11, length: 5 }]];
  assertThrows(
    () => [...snappyChunks(joinBlocks(blocks.map(encodeBlock)))],
    BrokenStreamError,
    "the compressed data refers to 11 bytes before",
  );
});

/**
 * Decompresses snappy: the raw format, which most clients write, and the blocks of the xerial library,
 * which Kafka's own clients write.
 *
 * The packages for snappy decompress a block in one call, in which the event loop stands still, into
 * memory of a size that the block itself says. This does it chunk by chunk. It costs about as much time
 * as snappyjs.
 *
 * A copy may be of anything in its block. Many compressors copy from the last 64 KiB only, but others,
 * such as Go's s2.EncodeSnappy, from megabytes before. So what was written of a block is kept until the
 * block ends, or the caller stops at its limit. The length that a block says takes no memory.
 */
import { BrokenStreamError, LzOutput } from "./lz_output.ts";

/** How the xerial format begins. After it come two version numbers of 4 bytes. */
const XERIAL = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0];
const XERIAL_HEADER_BYTES = 16;
/** Input after which a chunk is given even if it is empty, as blocks may have no content. */
const INPUT_PER_CHUNK = 1024 * 1024;

/** The decompressed chunks. @throws {BrokenStreamError} The data is broken */
export function* snappyChunks(input: Uint8Array): Generator<Uint8Array, void> {
  const output = new LzOutput({ expected: 4 * input.length, historyBytes: Infinity });
  try {
    if (XERIAL.every((byte, i) => input[i] === byte)) {
      yield* xerialBlocks(input, output);
    } else {
      yield* block(input, output);
    }
    yield output.takeLast();
  } finally {
    output.end();
  }
}

/** Decompresses the blocks behind a xerial header, each of which has its length in front. */
function* xerialBlocks(input: Uint8Array, output: LzOutput): Generator<Uint8Array, void> {
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  let lastYield = 0;
  for (let at = XERIAL_HEADER_BYTES; at < input.length;) {
    if (at + 4 > input.length) throw new BrokenStreamError("the length of a block is cut short");
    const from = at + 4;
    at = from + view.getInt32(at);
    if (at <= from || at > input.length) {
      throw new BrokenStreamError("the length of a block is broken");
    }
    output.beginBlock();
    yield* block(input.subarray(from, at), output);
    if (at - lastYield >= INPUT_PER_CHUNK) {
      lastYield = at;
      yield output.take();
    }
  }
}

/** Decompresses a block in the raw format: its length, then literals and copies by turns. */
function* block(input: Uint8Array, output: LzOutput): Generator<Uint8Array, void> {
  const byte = (at: number) => input[at] ?? 0;
  let at = 0;
  let length = 0;
  for (let shift = 0;; shift += 7) {
    if (shift > 28 || at >= input.length) throw new BrokenStreamError("the length is broken");
    length += (byte(at) & 0x7f) * 2 ** shift;
    if (byte(at++) < 0x80) break;
  }
  const end = output.written + length;

  while (at < input.length) {
    const tag = byte(at++);
    const kind = tag & 3;
    // Bytes behind the tag, in which a long literal's length or a copy's distance is.
    const extra = kind === 0 ? Math.max(0, (tag >>> 2) - 59) : kind === 3 ? 4 : kind;
    if (at + extra > input.length) throw new BrokenStreamError("the compressed data is cut short");
    let number = 0;
    for (let i = at + extra - 1; i >= at; i--) number = ((number << 8) | byte(i)) >>> 0;
    at += extra;
    let count = 1 + (extra > 0 && kind === 0 ? number : tag >>> 2);
    let distance = number;
    if (kind === 1) {
      count = 4 + ((tag >>> 2) & 7);
      distance += (tag >>> 5) << 8;
    }
    if (output.written + count > end) throw new BrokenStreamError("a block is longer than it says");
    while (count > 0) {
      const copied = kind === 0
        ? output.literals(input, at, count)
        : output.repeat(distance, count);
      if (kind === 0) at += copied;
      count -= copied;
      if (output.isFull) yield output.take();
    }
  }
  if (output.written !== end) throw new BrokenStreamError("a block is shorter than it says");
}

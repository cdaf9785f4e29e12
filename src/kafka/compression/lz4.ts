/**
 * Decompresses frames of LZ4.
 *
 * The package lz4js decompresses a frame in one call, in which the event loop stands still, into memory
 * of a size that the frame itself says, and does not see its own bounds. This does it chunk by chunk,
 * with 64 KiB of history. It costs no more time, and at most 0.2 MB of memory at once. Checksums of
 * frames and blocks are not checked, as that of the batch covers them.
 */
import { BrokenStreamError, LzOutput } from "./lz_output.ts";

const MAGIC = 0x184d2204;
/** Bits of the byte after the magic number. */
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const HAS_BLOCK_CHECKSUMS = 0x10;
const HAS_CONTENT_SIZE = 0x08;
const HAS_DICTIONARY = 0x01;
/** In the length of a block. */
const IS_UNCOMPRESSED = 0x80000000;
/** Copies reach back no further, as their distance has 16 bits. Blocks may copy from those before. */
const HISTORY_BYTES = 64 * 1024;
/** Input after which a chunk is given even if it is empty, as blocks may have no content. */
const INPUT_PER_CHUNK = 1024 * 1024;

/** The decompressed chunks. @throws {BrokenStreamError} The data is broken */
export function* lz4Chunks(input: Uint8Array): Generator<Uint8Array, void> {
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  // The magic number, flags, the size of blocks, and the header's checksum at its end.
  if (input.length < 7 || view.getUint32(0, true) !== MAGIC) {
    throw new BrokenStreamError("the data does not begin as LZ4 does");
  }
  const flags = view.getUint8(4);
  if ((flags & VERSION_MASK) !== VERSION || (flags & HAS_DICTIONARY) !== 0) {
    throw new BrokenStreamError("this kind of LZ4 frame is unknown");
  }
  const checksumBytes = (flags & HAS_BLOCK_CHECKSUMS) === 0 ? 0 : 4;
  const output = new LzOutput({ expected: 4 * input.length, historyBytes: HISTORY_BYTES });
  let lastYield = 0;
  for (let at = (flags & HAS_CONTENT_SIZE) === 0 ? 7 : 15;;) {
    if (at + 4 > input.length) throw new BrokenStreamError("the compressed data is cut short");
    const length = view.getUint32(at, true);
    const from = at + 4;
    if (length === 0) break;
    const end = from + (length & ~IS_UNCOMPRESSED);
    if ((length & IS_UNCOMPRESSED) === 0) {
      yield* block(input.subarray(from, end), output);
    } else {
      yield* literals(input, output, { from, end });
    }
    at = end + checksumBytes;
    if (at - lastYield >= INPUT_PER_CHUNK) {
      lastYield = at;
      yield output.take();
    }
  }
  yield output.takeLast();
}

function* literals(
  input: Uint8Array,
  output: LzOutput,
  { from, end }: { from: number; end: number },
): Generator<Uint8Array, void> {
  for (let at = from; at < end;) {
    at += output.literals(input, at, end - at);
    if (output.isFull) yield output.take();
  }
}

/** Decompresses a block: literals and copies by turns, literals at the end. */
function* block(input: Uint8Array, output: LzOutput): Generator<Uint8Array, void> {
  const byte = (at: number) => input[at] ?? 0;
  for (let at = 0; at < input.length;) {
    const token = byte(at++);
    let literals = token >>> 4;
    if (literals === 15) {
      for (let more = 255; more === 255 && at < input.length;) literals += more = byte(at++);
    }
    while (literals > 0) {
      const copied = output.literals(input, at, literals);
      at += copied;
      literals -= copied;
      if (output.isFull) yield output.take();
    }
    if (at >= input.length) return;
    if (at + 2 > input.length) throw new BrokenStreamError("the compressed data is cut short");
    const distance = byte(at) | (byte(at + 1) << 8);
    at += 2;
    let count = token & 15;
    if (count === 15) {
      for (let more = 255; more === 255 && at < input.length;) count += more = byte(at++);
    }
    count += 4;
    while (count > 0) {
      count -= output.repeat(distance, count);
      if (output.isFull) yield output.take();
    }
  }
}

/**
 * Decompresses the records of a batch, chunk by chunk (KAF11). Between two chunks the caller may leave
 * the event loop free, and it may stop after each.
 *
 * gzip and zstd are done by node:zlib. Its streams do their work in this thread, when a chunk is asked
 * for, or before that for the next chunk or two: a chunk of 64 KiB takes 0.05 ms and more. zstd takes
 * memory for its window, up to 128 MiB as the data says, but touches only as much of it as the content
 * fills.
 */
import { createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from "node:zlib";
import { lz4Chunks } from "./lz4.ts";
import { snappyChunks } from "./snappy.ts";

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

const CHUNK_BYTES = 64 * 1024;
/** Data up to this length is decompressed in one step, if its content is small as well. Bytes. */
const SMALL_BYTES = 16 * 1024;
/** The most bytes of small content. */
const SMALL_CONTENT_BYTES = 128 * 1024;

/** The codecs, by the number in a batch's attributes. */
const CODECS: Readonly<Record<number, (data: Uint8Array) => Chunks>> = {
  0: (data) => [data],
  1: (data) => inOneStep(data, gunzipSync) ?? createGunzip({ chunkSize: CHUNK_BYTES }).end(data),
  2: snappyChunks,
  3: lz4Chunks,
  4: (data) =>
    inOneStep(data, zstdDecompressSync) ??
      createZstdDecompress({ chunkSize: CHUNK_BYTES }).end(data),
};

export function isCodec(codec: number): boolean {
  return codec in CODECS;
}

/**
 * The decompressed chunks. Iterating over them throws if the data is broken.
 *
 * @param codec One for which {@linkcode isCodec} is true
 */
export function decompress(codec: number, data: Uint8Array): Chunks {
  return CODECS[codec]?.(data) ?? [];
}

/**
 * Decompresses small data in a third of the time that a stream takes.
 *
 * @returns `undefined` if the data or its content is not small. A stream tells what is wrong with it
 */
function inOneStep(
  data: Uint8Array,
  decompressSync: (data: Uint8Array, options: { maxOutputLength: number }) => Uint8Array,
): Chunks | undefined {
  if (data.length > SMALL_BYTES) return undefined;
  try {
    return [decompressSync(data, { maxOutputLength: SMALL_CONTENT_BYTES })];
  } catch {
    return undefined;
  }
}

/**
 * Decompresses the records of a batch, chunk by chunk (KAF11). Between two chunks the caller may leave
 * the event loop free, and it may stop after each.
 *
 * gzip and zstd are done by node:zlib. Its streams do their work in this thread, when a chunk is asked
 * for, or before that for the next chunk or two: a chunk of 64 KiB takes 0.05 ms and more. zstd takes
 * memory for its window, up to 128 MiB as the data says, but touches only as much of it as the content
 * fills.
 */
import { createGunzip, createZstdDecompress } from "node:zlib";
import { lz4Chunks } from "./lz4.ts";
import { snappyChunks } from "./snappy.ts";

const CHUNK_BYTES = 64 * 1024;

/** The codecs, by the number in a batch's attributes. */
const CODECS: Readonly<
  Record<number, (data: Uint8Array) => Iterable<Uint8Array> | AsyncIterable<Uint8Array>>
> = {
  0: (data) => [data],
  1: (data) => createGunzip({ chunkSize: CHUNK_BYTES }).end(data),
  2: snappyChunks,
  3: lz4Chunks,
  4: (data) => createZstdDecompress({ chunkSize: CHUNK_BYTES }).end(data),
};

export function isCodec(codec: number): boolean {
  return codec in CODECS;
}

/**
 * The decompressed chunks. Iterating over them throws if the data is broken.
 *
 * @param codec One for which {@linkcode isCodec} is true
 */
export function decompress(
  codec: number,
  data: Uint8Array,
): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  return CODECS[codec]?.(data) ?? [];
}

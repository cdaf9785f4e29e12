/**
 * Decompresses batches of producers that use snappy, lz4 or zstd (KAF7). kafkajs itself knows only
 * gzip.
 */
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";
import snappyCodec from "kafkajs-snappy";
import lz4 from "lz4js";

/** The part of a kafkajs codec that reading needs. The service writes nothing compressed. */
interface Codec {
  decompress(buffer: Buffer): Promise<Buffer>;
}

// The packages have no types. These are the functions that are used.
const createSnappyCodec: () => Codec = snappyCodec;
const decompressLz4: (data: Uint8Array) => Uint8Array = lz4.decompress;

const lz4Codec: Codec = {
  decompress: (buffer) => Promise.resolve(Buffer.from(decompressLz4(buffer))),
};
const zstdCodec: Codec = { decompress: promisify(zstdDecompress) };

/** Adds the codecs to the table of kafkajs. A second call changes nothing. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = createSnappyCodec;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;
}

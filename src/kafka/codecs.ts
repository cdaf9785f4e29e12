/**
 * What producers compress with, besides the gzip that kafkajs brings (KAF7).
 */
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";
import snappyCodec from "kafkajs-snappy";
import lz4 from "lz4js";

/** What kafkajs asks of a codec to read with it; nothing is written compressed. */
interface Codec {
  decompress(buffer: Buffer): Promise<Buffer>;
}

// The packages ship no types; these are the parts that are used.
const createSnappyCodec: () => Codec = snappyCodec;
const decompressLz4: (data: Uint8Array) => Uint8Array = lz4.decompress;

const lz4Codec: Codec = {
  decompress: (buffer) => Promise.resolve(Buffer.from(decompressLz4(buffer))),
};
const zstdCodec: Codec = { decompress: promisify(zstdDecompress) };

/** Tells kafkajs of the codecs, which it keeps in a table of its own. May be called again. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = createSnappyCodec;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;
}

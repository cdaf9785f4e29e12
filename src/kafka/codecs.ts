/**
 * What producers compress with, besides the gzip that kafkajs brings (KAF7).
 */
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";
import snappyCodec from "kafkajs-snappy";
import lz4 from "lz4js";

/** The packages ship no types; these are the parts that are used. */
interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Uint8Array>;
  decompress(buffer: Buffer): Promise<Uint8Array>;
}
const createSnappyCodec: () => Codec = snappyCodec;
const { compress, decompress }: Record<
  "compress" | "decompress",
  (data: Uint8Array) => Uint8Array
> = lz4;

const lz4Codec: Codec = {
  compress: ({ buffer }) => Promise.resolve(Buffer.from(compress(buffer))),
  decompress: (buffer) => Promise.resolve(Buffer.from(decompress(buffer))),
};

const zstdCodec: Codec = {
  compress: ({ buffer }) => promisify(zstdCompress)(buffer),
  decompress: (buffer) => promisify(zstdDecompress)(buffer),
};

/** Tells kafkajs of the codecs, which it keeps in a table of its own. May be called again. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = createSnappyCodec;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;
}

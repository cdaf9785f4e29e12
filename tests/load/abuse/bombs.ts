/** Records that are small in the topic, and over all limits when they are decompressed. */
import { Buffer } from "node:buffer";
import { zstdCompressSync } from "node:zlib";
import kafkajs, { CompressionTypes } from "kafkajs";
import lz4 from "lz4js";
import snappy from "snappyjs";
import { delay } from "../../../src/util/delay.ts";
import { concat } from "../../_support/kafka/batches.ts";
import { connectKafka } from "../../_support/kafka/topic.ts";
import type { Attacker } from "./attacks.ts";

const MB = 1_000_000;
/** Milliseconds between two of them. */
const EVERY_MS = 3000;
const BLOCK_BYTES = 64 * 1024;
/** The beginning of a frame whose blocks have up to 64 KiB and do not refer to each other. */
const LZ4_HEADER = new Uint8Array([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);

const KINDS = [
  { compression: CompressionTypes.ZSTD, bytes: 300 * MB },
  { compression: CompressionTypes.GZIP, bytes: 100 * MB },
  { compression: CompressionTypes.Snappy, bytes: 100 * MB },
  { compression: CompressionTypes.LZ4, bytes: 100 * MB },
];

/** Compresses as Kafka expects it, which lz4js does not: with it, blocks refer to each other. */
function compressLz4(data: Uint8Array): Uint8Array {
  const parts = [LZ4_HEADER];
  for (let at = 0; at < data.length; at += BLOCK_BYTES) {
    // A frame of one block, without its header and its end.
    parts.push(lz4.compress(data.subarray(at, at + BLOCK_BYTES)).subarray(LZ4_HEADER.length, -4));
  }
  return concat([...parts, new Uint8Array(4)]);
}

function codecOf(compress: (data: Uint8Array) => Uint8Array) {
  return () => ({
    compress: ({ buffer }: { buffer: Uint8Array }) =>
      Promise.resolve(Buffer.from(compress(buffer))),
    decompress: () => Promise.reject(new Error("Nothing is read here")),
  });
}

/** Writes one after the other to the second partition. */
export async function sendBombs({ brokers, topic, signal, strike }: Attacker): Promise<void> {
  const { CompressionCodecs } = kafkajs;
  CompressionCodecs[CompressionTypes.ZSTD] = codecOf(zstdCompressSync);
  CompressionCodecs[CompressionTypes.Snappy] = codecOf(snappy.compress);
  CompressionCodecs[CompressionTypes.LZ4] = codecOf(compressLz4);
  const producer = (await connectKafka(brokers)).producer();
  await producer.connect();
  for (let n = 0; !signal.aborted; n++) {
    const { compression, bytes } = KINDS[n % KINDS.length] ?? { compression: 0, bytes: 0 };
    const value = Buffer.alloc(bytes, "a");
    // With one behind it, so that all of the first one has to be passed over.
    const messages = [{ value, partition: 1 }, { value: "{}", partition: 1 }];
    await producer.send({ topic, compression, messages });
    strike();
    await delay(EVERY_MS, signal);
  }
  await producer.disconnect();
}

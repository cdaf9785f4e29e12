/** Writes record batches, as a producer and a broker would, or in ways in which none would. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import lz4 from "lz4js";
import snappy from "snappyjs";
import { crc32c } from "../../../src/kafka/records/crc32c.ts";

const encoder = new TextEncoder();

export interface TestRecord {
  /** Beside the batch's offset. By default the place in the batch. */
  delta?: number;
  timestampDelta?: number;
  key?: Uint8Array | null;
  value: Uint8Array | null;
  headers?: readonly (readonly [string, Uint8Array | null])[];
}

export const CODECS = { none: 0, gzip: 1, snappy: 2, xerial: 2, lz4: 3, zstd: 4 } as const;
export type CodecName = keyof typeof CODECS;

export interface TestBatch {
  baseOffset?: number;
  leaderEpoch?: number;
  codec?: CodecName;
  /** Beside the codec's. */
  attributes?: number;
  /** By default the delta of the last record. */
  lastDelta?: number;
  baseTimestamp?: number;
  maxTimestamp?: number;
  producerId?: number;
  /** By default the number of records. */
  count?: number;
  magic?: number;
}

/** A batch of records. */
export function encodeBatch(records: readonly TestRecord[], batch: TestBatch = {}): Uint8Array {
  const content = concat(records.map((record, i) => encodeRecord({ delta: i, ...record })));
  const lastDelta = records.at(-1)?.delta ?? records.length - 1;
  return encodeContent(content, { count: records.length, lastDelta, ...batch });
}

/** A batch whose content is given, compressed only if the codec is one. */
export function encodeContent(content: Uint8Array, batch: TestBatch): Uint8Array {
  const { codec = "none", count = 0, lastDelta = count - 1, attributes = 0 } = batch;
  const compressed = COMPRESS[codec](content);
  return finishBatch(compressed, {
    ...batch,
    count,
    lastDelta,
    attributes: attributes | CODECS[codec],
  });
}

/** A batch with content that is compressed already, or is no content at all. */
export function finishBatch(compressed: Uint8Array, batch: Omit<TestBatch, "codec">): Uint8Array {
  const bytes = new Uint8Array(61 + compressed.length);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(batch.baseOffset ?? 0));
  view.setInt32(8, bytes.length - 12);
  view.setInt32(12, batch.leaderEpoch ?? 0);
  view.setInt8(16, batch.magic ?? 2);
  view.setInt16(21, batch.attributes ?? 0);
  view.setInt32(23, batch.lastDelta ?? 0);
  view.setBigInt64(27, BigInt(batch.baseTimestamp ?? 1_000));
  view.setBigInt64(35, BigInt(batch.maxTimestamp ?? 2_000));
  view.setBigInt64(43, BigInt(batch.producerId ?? -1));
  view.setInt16(51, -1);
  view.setInt32(53, -1);
  view.setInt32(57, batch.count ?? 0);
  bytes.set(compressed, 61);
  return seal(bytes);
}

/** Sets the checksum of a batch right. */
export function seal(batch: Uint8Array): Uint8Array {
  new DataView(batch.buffer, batch.byteOffset).setUint32(17, crc32c(batch.subarray(21)));
  return batch;
}

/** The mark that ends a transaction. */
export function encodeMark(kind: "abort" | "commit", batch: TestBatch): Uint8Array {
  const key = new Uint8Array([0, 0, 0, kind === "abort" ? 0 : 1]);
  return encodeBatch([{ key, value: new Uint8Array(6) }], { ...batch, attributes: 0x30 });
}

export function encodeRecord(record: TestRecord): Uint8Array {
  const { delta = 0, timestampDelta = 0, key = null, value, headers = [] } = record;
  const fields = concat([
    new Uint8Array([0]),
    varint(timestampDelta),
    varint(delta),
    sized(key),
    sized(value),
    varint(headers.length),
    ...headers.flatMap(([name, value]) => [sized(encoder.encode(name)), sized(value)]),
  ]);
  return concat([varint(fields.length), fields]);
}

/** A zigzag-coded number of up to 53 bits. */
export function varint(value: number): Uint8Array {
  let left = value < 0 ? -2 * value - 1 : 2 * value;
  const bytes: number[] = [];
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push(left % 0x80 + 0x80);
  return new Uint8Array([...bytes, left]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function sized(bytes: Uint8Array | null): Uint8Array {
  return bytes ? concat([varint(bytes.length), bytes]) : varint(-1);
}

// The packages have no types.
const compressLz4: (data: Uint8Array) => Uint8Array = lz4.compress;
const compressSnappy: (data: Uint8Array) => Uint8Array = snappy.compress;

const COMPRESS: Record<CodecName, (content: Uint8Array) => Uint8Array> = {
  none: (content) => content,
  gzip: (content) => gzipSync(content),
  zstd: (content) => zstdCompressSync(content),
  snappy: compressSnappy,
  xerial: compressXerial,
  // It does not write what is too small to be compressed.
  lz4: compressLz4,
};

/** Blocks of 32 KiB, each with its length, as Java's snappy library writes them. */
function compressXerial(content: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [
    new Uint8Array([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
  ];
  for (let at = 0; at < content.length; at += 32 * 1024) {
    const block = compressSnappy(content.subarray(at, at + 32 * 1024));
    const size = new Uint8Array(4);
    new DataView(size.buffer).setInt32(0, block.length);
    parts.push(size, block);
  }
  return concat(parts);
}

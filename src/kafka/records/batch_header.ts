/**
 * The header of a record batch (KIP-98). The checksum covers what follows it, so not the offset, the
 * length, the leader epoch and the magic byte.
 */

/** Bytes of the offset and the length, which the length does not count. */
const PREFIX_BYTES = 12;
/** Bytes up to the magic byte, which are the same in all versions of the format. */
const COMMON_BYTES = 17;
/** Bytes of the whole header. */
export const HEADER_BYTES = 61;
/** Where the bytes begin that the checksum covers. */
export const CHECKED_FROM = 21;
/** The only version of the format that is decoded. Kafka 0.11 and later write it. */
export const MAGIC = 2;

/** The header of a batch. With a lower magic byte, only the first five fields mean something. */
export interface BatchHeader {
  /** The offset of the first record. */
  readonly baseOffset: number;
  /** Bytes of the batch with its header. */
  readonly bytes: number;
  /** The epoch of the leader that wrote the batch; -1 if it is not known. */
  readonly leaderEpoch: number;
  readonly magic: number;
  /** Whether all bytes of the batch are there. */
  readonly isComplete: boolean;
  readonly crc: number;
  /** Compression, the kind of time, and whether the batch belongs to a transaction. */
  readonly attributes: number;
  /** The offset of the last record. Compaction may have removed that record. */
  readonly lastOffset: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  /** The number of records. */
  readonly count: number;
}

/** The codec's number, from the attributes. */
export function codecOf({ attributes }: BatchHeader): number {
  return attributes & 0x07;
}

/** Whether the broker set the time of all records: it is the greatest timestamp of the batch. */
export function hasAppendTime({ attributes }: BatchHeader): boolean {
  return (attributes & 0x08) !== 0;
}

export function isTransactional({ attributes }: BatchHeader): boolean {
  return (attributes & 0x10) !== 0;
}

/** Whether the batch is the mark at the end of a transaction. It has no records for consumers. */
export function isControl({ attributes }: BatchHeader): boolean {
  return (attributes & 0x20) !== 0;
}

/**
 * Reads the header of the batch at a place.
 *
 * @returns `"cutShort"` if too little is there to tell, `"unusable"` if the length can't be
 */
export function readHeader(view: DataView, at: number): BatchHeader | "cutShort" | "unusable" {
  const available = view.byteLength - at;
  if (available < COMMON_BYTES) return "cutShort";
  const bytes = PREFIX_BYTES + view.getInt32(at + 8);
  const magic = view.getInt8(at + 16);
  if (bytes < (magic === MAGIC ? HEADER_BYTES : COMMON_BYTES)) return "unusable";
  const baseOffset = readInt64(view, at);
  const isComplete = bytes <= available;
  const start = { baseOffset, bytes, leaderEpoch: view.getInt32(at + 12), magic, isComplete };
  if (magic < MAGIC || Math.min(bytes, available) < HEADER_BYTES) {
    return { ...start, ...NOTHING_MORE, lastOffset: baseOffset };
  }
  return {
    ...start,
    crc: view.getUint32(at + 17),
    attributes: view.getInt16(at + 21),
    lastOffset: baseOffset + view.getInt32(at + 23),
    baseTimestamp: readInt64(view, at + 27),
    maxTimestamp: readInt64(view, at + 35),
    count: view.getInt32(at + 57),
  };
}

/** For older formats, and for headers that are cut short. */
const NOTHING_MORE = {
  crc: 0,
  attributes: 0,
  baseTimestamp: -1,
  maxTimestamp: -1,
  count: -1,
};

/** The id of the producer of the batch at a place, whose header is complete. */
export function readProducerId(view: DataView, at: number): bigint {
  return view.getBigInt64(at + 43);
}

/** Not exact beyond 2^53. Faster than by way of a bigint. */
function readInt64(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}

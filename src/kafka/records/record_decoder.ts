/**
 * Decodes the records of one batch, from its decompressed bytes as they come. It keeps at most one
 * record that is not complete.
 */
import type { LogRecord } from "../../log/reader.ts";
import { type BatchHeader, hasAppendTime } from "./batch_header.ts";
import type { DecodedPart, DecodeLimits } from "./decoded_part.ts";
import { readHeaders } from "./record_headers.ts";
import { VarintReader } from "./varints.ts";

/** The most bytes of a record's key and headers, beside a value that is as large as it may be. */
const KEY_AND_HEADERS_BYTES = 64 * 1024;
/** The most bytes of what comes before a record's key. */
const HEAD_BYTES = 1 + 10 + 5;
/** The most bytes of a record's length. */
const LENGTH_BYTES = 5;
/** Records of one part: few enough to decode them in less than a millisecond. */
export const RECORDS_PER_PART = 512;

/** The records of one batch. */
export class RecordDecoder {
  readonly #partition: number;
  readonly #header: BatchHeader;
  readonly #position: number;
  readonly #limits: DecodeLimits;
  /** Records that are still to come, as the header counts them. */
  #left: number;
  /** The least offset that the next record can have. */
  #next: number;
  /** The bytes that came. */
  #taken = 0;
  /** A record that is not complete, of which so many bytes are there. */
  #record: Uint8Array | undefined;
  #filled = 0;
  /** The first bytes of a record, too few to know its length and offset. */
  #head: Uint8Array | undefined;
  /** Bytes to skip of a record that is too large. */
  #skip = 0;
  /** Why the rest can't be decoded. */
  #broken: string | undefined;

  /** @param options.position Records before it are left out */
  constructor(
    header: BatchHeader,
    { partition, position, limits }: {
      partition: number;
      position: number;
      limits: DecodeLimits;
    },
  ) {
    this.#partition = partition;
    this.#header = header;
    this.#position = position;
    this.#limits = limits;
    this.#left = header.count;
    this.#next = header.baseOffset;
  }

  /** Whether no further bytes are needed. */
  get isDone(): boolean {
    return this.#left === 0 || this.#broken !== undefined;
  }

  /**
   * Decodes what the next bytes of the batch complete. A part may be empty and move nothing, so that the
   * caller can rest between records in front of the position.
   *
   * @param chunk Must not change later, as values are views of it
   */
  *take(chunk: Uint8Array): Generator<DecodedPart, void> {
    const room = this.#limits.maxBatchBytes - this.#taken;
    this.#taken += chunk.length;
    // node:zlib gives a Buffer, whose views take longer to make.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, room));
    yield* this.#takeWithin(bytes);
    if (chunk.length > room && !this.isDone) {
      this.#broken = `the batch has more than ${this.#limits.maxBatchBytes} bytes, decompressed`;
    }
  }

  /**
   * Ends the batch: what is still missing is set aside.
   *
   * @param reason Why no further bytes come, if that is known
   */
  *finish(reason = "the batch ends in the middle of its records"): Generator<DecodedPart, void> {
    const from = Math.max(this.#next, this.#position);
    const to = this.#header.lastOffset + 1;
    if (from >= to) return;
    if (this.#left === 0 && !this.#broken) {
      yield this.#part([], to);
    } else {
      yield this.#setAside(from, to, this.#broken ?? reason);
    }
    this.#next = to;
  }

  *#takeWithin(chunk: Uint8Array): Generator<DecodedPart, void> {
    let bytes = chunk;
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, bytes.length);
      this.#skip -= skipped;
      bytes = bytes.subarray(skipped);
    }
    if (this.#record) {
      const missing = bytes.subarray(0, this.#record.length - this.#filled);
      this.#record.set(missing, this.#filled);
      this.#filled += missing.length;
      if (this.#filled < this.#record.length) return;
      const record = this.#record;
      this.#record = undefined;
      yield* this.#decodeAll(record);
      bytes = bytes.subarray(missing.length);
    }
    if (this.#head) {
      const joined = new Uint8Array(this.#head.length + bytes.length);
      joined.set(this.#head);
      joined.set(bytes, this.#head.length);
      this.#head = undefined;
      bytes = joined;
    }
    yield* this.#decodeAll(bytes);
  }

  *#decodeAll(bytes: Uint8Array): Generator<DecodedPart, void> {
    const reader = new VarintReader(bytes);
    while (reader.at < bytes.length && !this.isDone) yield* this.#decodeSome(bytes, reader);
  }

  /** Decodes some records; at the end of the bytes it keeps the beginning of the next one. */
  #decodeSome(bytes: Uint8Array, reader: VarintReader): DecodedPart[] {
    const parts: DecodedPart[] = [];
    let records: LogRecord[] = [];
    let count = 0;
    for (; count < RECORDS_PER_PART && reader.at < bytes.length && !this.isDone; count++) {
      const record = this.#decodeNext(bytes, reader);
      if (record === undefined) continue;
      if (typeof record === "object") {
        records.push(record);
        continue;
      }
      const from = this.#next - 1;
      if (records.length > 0) parts.push(this.#part(records, from));
      records = [];
      const before = parts.at(-1);
      if (before?.kind === "setAside" && before.to === from) {
        // Records that follow each other are set aside together.
        parts[parts.length - 1] = this.#setAside(before.from, this.#next, before.reason);
      } else {
        parts.push(this.#setAside(from, this.#next, record));
      }
    }
    // Also without records: those in front of the position take time as well.
    if (records.length > 0 || (parts.length === 0 && count === RECORDS_PER_PART)) {
      parts.push(this.#part(records, Math.max(this.#next, this.#position)));
    }
    if (this.#left === 0) this.#endWithin(parts, reader.at < bytes.length);
    return parts;
  }

  /** Decodes a record; gives a reason to set it aside, or `undefined` if there is none to give. */
  #decodeNext(bytes: Uint8Array, reader: VarintReader): LogRecord | string | undefined {
    const { baseOffset, lastOffset, baseTimestamp, maxTimestamp } = this.#header;
    const start = reader.at;
    reader.end = bytes.length;
    const length = reader.int32();
    if (reader.isBroken && bytes.length - start < LENGTH_BYTES) {
      return this.#keepHead(bytes, start, reader);
    }
    if (reader.isBroken || length < 0) return this.#break("the length of a record is broken");
    const end = reader.at + length;
    const isTooLarge = length > this.#limits.maxRecordBytes + KEY_AND_HEADERS_BYTES;
    if (end > bytes.length) {
      if (!isTooLarge) return this.#keepRecord(bytes, start, { length: end - start, reader });
      if (bytes.length - reader.at < HEAD_BYTES) return this.#keepHead(bytes, start, reader);
    }

    reader.end = Math.min(end, bytes.length);
    reader.skip(1); // the attributes, which have no meaning yet
    const timestampDelta = reader.int64();
    const given = baseOffset + reader.int32();
    // If a record has no offset, the next one is the best guess.
    const offset = reader.isBroken ? this.#next : given;
    if (offset < this.#next || offset > lastOffset) {
      return this.#break("the offsets of the records are not in order");
    }
    this.#next = offset + 1;
    this.#left--;
    const keyBytes = reader.int32();
    reader.skip(keyBytes);
    const valueBytes = reader.int32();
    const valueAt = reader.at;
    reader.skip(valueBytes);
    const otherBytes = length - Math.max(0, valueBytes);
    const hasLargeHeaders = otherBytes > KEY_AND_HEADERS_BYTES;
    const headers = hasLargeHeaders ? {} : readHeaders(bytes, reader);
    const isBroken = reader.isBroken || reader.at !== end;
    reader.isBroken = false;
    reader.at = Math.min(end, bytes.length);

    if (isTooLarge) this.#skip = end - reader.at;
    if (offset < this.#position) return undefined;
    if (isTooLarge) return `the record has ${length} bytes`;
    if (hasLargeHeaders) return `the key and headers have ${otherBytes} bytes`;
    if (isBroken) return "the lengths within the record are broken";
    if (valueBytes > this.#limits.maxRecordBytes) return `the value has ${valueBytes} bytes`;
    return {
      partition: this.#partition,
      offset,
      timestamp: hasAppendTime(this.#header) ? maxTimestamp : baseTimestamp + timestampDelta,
      value: valueBytes < 0 ? null : bytes.subarray(valueAt, valueAt + valueBytes),
      headers,
    };
  }

  /** The last record was decoded: the position moves behind the batch. */
  #endWithin(parts: DecodedPart[], isMore: boolean): void {
    const to = this.#header.lastOffset + 1;
    if (this.#next === to) return;
    if (isMore) {
      this.#broken = "the batch has more records than its header says";
      return;
    }
    parts.push(this.#part([], to));
    this.#next = to;
  }

  #keepHead(bytes: Uint8Array, start: number, reader: VarintReader): undefined {
    this.#head = bytes.slice(start);
    reader.isBroken = false;
    reader.at = bytes.length;
  }

  #keepRecord(
    bytes: Uint8Array,
    start: number,
    { length, reader }: { length: number; reader: VarintReader },
  ): undefined {
    this.#record = new Uint8Array(length);
    this.#record.set(bytes.subarray(start));
    this.#filled = bytes.length - start;
    reader.at = bytes.length;
  }

  #break(reason: string): undefined {
    this.#broken = reason;
  }

  #part(records: LogRecord[], next: number): DecodedPart {
    return { kind: "records", records, leaderEpoch: this.#header.leaderEpoch, next };
  }

  #setAside(from: number, to: number, reason: string): DecodedPart {
    return { kind: "setAside", from, to, reason, leaderEpoch: this.#header.leaderEpoch };
  }
}

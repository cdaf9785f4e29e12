/**
 * Cursors: places in the log as clients keep them (DEL3). They mean the same on every instance.
 * The stream writes them for replies and pushes, and reads those with which clients resume.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** The next offset to read of each partition. */
export type Positions = readonly number[];

/** A time of each partition, in milliseconds since 1970. */
export type Times = readonly number[];

/** The content of a cursor. */
export interface Cursor {
  readonly positions: Positions;
  /**
   * By partition, milliseconds since 1970: no record before the position is newer (DEL6). So a newer one
   * is of another log, also if the cursor was written later, by an instance that did not know yet.
   */
  readonly times: Times;
  /** When the cursor was written, in milliseconds since 1970; none of the times is later. */
  readonly timeMs: number;
  /** What the cursor has of the topic's id (DEL13); {@linkcode NO_ID} if nothing is known of it. */
  readonly idMark: number;
}

/** Why a client can't resume from its cursor (DEL6). */
export type ResumeRefusal =
  | "unreadable"
  | "past_the_end"
  | "left_the_window"
  | "other_log"
  | "reload_missed"
  /** On this connection, the subscription was served from a later place on. */
  | "served_further";

/** The mark of a topic whose brokers don't know ids, and of cursors of the first version. */
export const NO_ID = 0;

/** Each age is exact. */
const VERSION = 3;
/** The same with {@linkcode roughAge}s, for topics of many partitions. */
const VERSION_WITH_ROUGH_AGES = 4;
/** Cursors of this version have six bytes for each position, and three for each age. */
const VERSION_OF_FIXED_LENGTH = 2;
/** Cursors of this version have eight bytes of the topic's name, and nothing of its id and of ages. */
const VERSION_WITHOUT_ID = 1;
/** The version and eight bytes about the topic: four of its name and four of its id. */
const START_BYTES = 1 + 8;
/** Where the bytes of the topic's id begin. */
const ID_AT = 1 + 4;
/** Six bytes hold 2.8e14: enough for a partition's records, and for milliseconds since 1970. */
const NUMBER_BYTES = 6;
const HEADER_BYTES = START_BYTES + NUMBER_BYTES;
/** The age of a partition's time when the cursor was written, in milliseconds. */
const FIXED_AGE_BYTES = 3;
/** The most bytes of a difference of positions, or of an age. */
const MAX_VARINT_BYTES = 8;
/** The latest time that a cursor can hold, and the highest position. A producer may give a record any timestamp. */
export const MAX_TIME_MS = 2 ** (8 * NUMBER_BYTES) - 1;
/** Topics of more partitions have cursors with rough ages. */
const MAX_EXACT_AGES = 16;

/** Writes and reads the cursors of one topic. */
export class CursorCodec {
  readonly idMark: number;
  readonly #nameHash: Uint8Array;
  readonly #writer: CursorWriter;

  /** @param topic.id `null` if the brokers don't know ids of topics */
  constructor({ name, id }: { readonly name: string; readonly id: string | null }) {
    this.#nameHash = sha256(name);
    // 0 says that the id is not known.
    this.idMark = id === null ? NO_ID : sha256(id).readUInt32BE() || 1;
    const start = Buffer.alloc(START_BYTES);
    start.set(this.#nameHash.subarray(0, ID_AT - 1), 1);
    start.writeUInt32BE(this.idMark, ID_AT);
    this.#writer = new CursorWriter(start);
  }

  /**
   * Writes a cursor: 20 characters, and for each partition the difference between its position and that of
   * its neighbour, and the age of its time, in as many bytes as they need.
   */
  encode(cursor: Omit<Cursor, "idMark">): string {
    return this.#writer.write(cursor);
  }

  /** Reads a cursor; `null` if the text is not a cursor, or names another topic. */
  decode(text: string): Cursor | null {
    const bytes = Buffer.from(text, "base64url");
    const version = bytes[0];
    const hasId = version !== VERSION_WITHOUT_ID;
    const nameBytes = hasId ? ID_AT - 1 : START_BYTES - 1;
    const isOwn = bytes.subarray(1, 1 + nameBytes).equals(this.#nameHash.subarray(0, nameBytes));
    // Characters that Buffer ignores would be written differently.
    if (bytes.length < HEADER_BYTES || !isOwn || bytes.toString("base64url") !== text) return null;

    const timeMs = bytes.readUIntBE(START_BYTES, NUMBER_BYTES);
    const places = placesOf(bytes);
    return places && {
      idMark: hasId ? bytes.readUInt32BE(ID_AT) : NO_ID,
      timeMs,
      positions: places.map(({ position }) => position),
      times: places.map(({ ageMs }) => timeMs - ageMs),
    };
  }
}

/**
 * Writes cursors. With many partitions, it rewrites what differs from the cursor before: a record moves one
 * partition, and writing all of 200 takes twice as long as everything else that is done for a message.
 */
class CursorWriter {
  readonly #start: Uint8Array;
  #bytes = Buffer.alloc(0);
  #length = 0;
  // What the bytes say. A cursor with exact ages is always written anew, and has none of it.
  readonly #positions: number[] = [];
  readonly #times: number[] = [];
  #timeMs = NaN;
  /** Where the bytes of each partition end. The last one is its rough age. */
  readonly #ends: number[] = [];

  /** @param start The first bytes of all cursors; their first byte is that of the version. */
  constructor(start: Uint8Array) {
    this.#start = start;
  }

  write(cursor: Omit<Cursor, "idMark">): string {
    const isRough = cursor.positions.length > MAX_EXACT_AGES;
    if (!isRough) this.#writeExact(cursor);
    else if (!this.#rewriteRough(cursor)) this.#writeRough(cursor);
    return this.#bytes.toString("base64url", 0, this.#length);
  }

  #writeExact({ positions, times, timeMs }: Omit<Cursor, "idMark">): void {
    this.#begin(VERSION, { count: positions.length, timeMs });
    let [at, neighbour] = [HEADER_BYTES, 0];
    for (let partition = 0; partition < positions.length; partition++) {
      // A reader has no position in a partition that is newer than its place, and begins at its start.
      const position = positions[partition] ?? 0;
      at = writeVarint(this.#bytes, at, zigzag(position - neighbour));
      at = writeVarint(this.#bytes, at, Math.max(0, timeMs - (times[partition] ?? timeMs)));
      neighbour = position;
    }
    this.#length = at;
  }

  #writeRough({ positions, times, timeMs }: Omit<Cursor, "idMark">): void {
    this.#begin(VERSION_WITH_ROUGH_AGES, { count: positions.length, timeMs });
    let [at, neighbour] = [HEADER_BYTES, 0];
    for (let partition = 0; partition < positions.length; partition++) {
      const position = this.#positions[partition] = positions[partition] ?? 0;
      const time = this.#times[partition] = times[partition] ?? timeMs;
      at = writeVarint(this.#bytes, at, zigzag(position - neighbour));
      this.#bytes[at++] = roughAge(Math.max(0, timeMs - time));
      this.#ends[partition] = at;
      neighbour = position;
    }
    this.#timeMs = timeMs;
    this.#length = at;
  }

  /** Writes what differs. False if something has become longer or shorter, so that all must be written. */
  #rewriteRough({ positions, times, timeMs }: Omit<Cursor, "idMark">): boolean {
    if (positions.length !== this.#ends.length) return false;
    const isLater = timeMs !== this.#timeMs;
    if (isLater) this.#bytes.writeUIntBE(this.#timeMs = timeMs, START_BYTES, NUMBER_BYTES);
    let [start, neighbour, neighbourBefore] = [HEADER_BYTES, 0, 0];
    for (let partition = 0; partition < positions.length; partition++) {
      const position = positions[partition] ?? 0;
      const before = this.#positions[partition];
      const end = this.#ends[partition] ?? 0;
      if (position !== before || neighbour !== neighbourBefore) {
        if (writeVarint(this.#bytes, start, zigzag(position - neighbour)) !== end - 1) return false;
        this.#positions[partition] = position;
      }
      const time = times[partition] ?? timeMs;
      if (isLater || time !== this.#times[partition]) {
        this.#bytes[end - 1] = roughAge(Math.max(0, timeMs - time));
        this.#times[partition] = time;
      }
      [start, neighbour, neighbourBefore] = [end, position, before ?? 0];
    }
    return true;
  }

  #begin(version: number, { count, timeMs }: { count: number; timeMs: number }): void {
    const bytes = HEADER_BYTES + 2 * MAX_VARINT_BYTES * count;
    if (this.#bytes.length < bytes) this.#bytes = Buffer.alloc(bytes);
    this.#bytes.set(this.#start);
    this.#bytes[0] = version;
    this.#bytes.writeUIntBE(timeMs, START_BYTES, NUMBER_BYTES);
    this.#positions.length = this.#times.length = this.#ends.length = 0;
  }
}

/** A whole number as one that is not negative. */
function zigzag(number: number): number {
  return number < 0 ? -2 * number - 1 : 2 * number;
}

/** What a cursor has of each partition. */
interface Place {
  readonly position: number;
  readonly ageMs: number;
}

/** The places of a cursor; `null` if its version is unknown, or if it has no such places. */
function placesOf(bytes: Buffer): Place[] | null {
  switch (bytes[0]) {
    case VERSION:
    case VERSION_WITH_ROUGH_AGES:
      return placesFrom(bytes);
    case VERSION_OF_FIXED_LENGTH:
      return placesOfFixedLength(bytes, FIXED_AGE_BYTES);
    case VERSION_WITHOUT_ID:
      return placesOfFixedLength(bytes, 0);
    default:
      return null;
  }
}

function placesFrom(bytes: Buffer): Place[] | null {
  const isRough = bytes[0] === VERSION_WITH_ROUGH_AGES;
  const places: Place[] = [];
  let [at, position] = [HEADER_BYTES, 0];
  while (at < bytes.length) {
    const difference = readVarint(bytes, at);
    if (!difference) return null;
    const age = isRough
      ? { value: bytes[difference.end], end: difference.end + 1 }
      : readVarint(bytes, difference.end);
    if (age?.value === undefined) return null;
    const { value } = difference;
    position += value % 2 === 1 ? -(value + 1) / 2 : value / 2;
    if (position < 0 || position > MAX_TIME_MS) return null;
    places.push({ position, ageMs: isRough ? ageOfRough(age.value) : age.value });
    at = age.end;
  }
  return places;
}

function placesOfFixedLength(bytes: Buffer, ageBytes: number): Place[] | null {
  const placeBytes = NUMBER_BYTES + ageBytes;
  const count = (bytes.length - HEADER_BYTES) / placeBytes;
  if (!Number.isInteger(count)) return null;
  return Array.from({ length: count }, (_, i) => {
    const at = HEADER_BYTES + placeBytes * i;
    const ageMs = ageBytes > 0 ? bytes.readUIntBE(at + NUMBER_BYTES, ageBytes) : 0;
    return { position: bytes.readUIntBE(at, NUMBER_BYTES), ageMs };
  });
}

/** Writes a whole number, seven bits a byte, the low ones first. Returns where it ends. */
function writeVarint(bytes: Buffer, at: number, number: number): number {
  let [rest, end] = [number, at];
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[end++] = 128 + rest % 128;
  bytes[end++] = rest;
  return end;
}

/** Reads what {@linkcode writeVarint} has written; `null` if it is cut short, or too long. */
function readVarint(bytes: Buffer, at: number): { value: number; end: number } | null {
  let value = 0;
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return null;
    value += (byte & 127) * 128 ** i;
    if (byte < 128) return { value, end: at + i + 1 };
  }
  return null;
}

/**
 * An age in one byte, up to an eighth too young: the time of the partition seems later than it is, so no
 * cursor is refused wrongly. The first 16 values stand for themselves; each further eight are twice as far apart.
 */
function roughAge(ageMs: number): number {
  // With as many bits as V8 does quickly, which is the usual case.
  const shift = ageMs < 2 ** 31
    ? Math.max(0, 28 - Math.clz32(ageMs))
    : Math.floor(Math.log2(ageMs)) - 3;
  return Math.min(8 * shift + Math.floor(ageMs / 2 ** shift), 255);
}

function ageOfRough(rough: number): number {
  const shift = Math.max(0, Math.floor(rough / 8) - 1);
  return (rough - 8 * shift) * 2 ** shift;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

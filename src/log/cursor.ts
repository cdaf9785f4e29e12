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

/** The mark of a topic whose brokers don't know ids, and of cursors of version 1. */
export const NO_ID = 0;

const VERSION = 2;
/** Cursors of this version have eight bytes of the topic's name, and nothing of its id. */
const VERSION_WITHOUT_ID = 1;
/** The version and eight bytes about the topic: four of its name and four of its id. */
const START_BYTES = 1 + 8;
/** Where the bytes of the topic's id begin. */
const ID_AT = 1 + 4;
/** Six bytes hold 2.8e14: enough for a partition's records, and for milliseconds since 1970. */
const NUMBER_BYTES = 6;
const HEADER_BYTES = START_BYTES + NUMBER_BYTES;
/** The age of a partition's time when the cursor was written, in milliseconds. */
const AGE_BYTES = 3;
/** The greatest age that a cursor can hold, 4.6 hours. An older time is taken for one of this age. */
const MAX_AGE_MS = 2 ** (8 * AGE_BYTES) - 1;
/** The latest time that a cursor can hold. A producer may give a record any timestamp. */
export const MAX_TIME_MS = 2 ** (8 * NUMBER_BYTES) - 1;

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The two characters of each value of 12 bits. */
const PAIRS = Array.from(
  { length: 4096 },
  (_, bits) => `${BASE64URL[bits >> 6]}${BASE64URL[bits & 63]}`,
);

/**
 * A number as six bytes, big-endian, in base64url. Six bytes are exactly eight characters, so
 * numbers can be written one after another.
 */
function numberText(number: number): string {
  const high = Math.floor(number / 2 ** 24);
  const low = number % 2 ** 24;
  return `${PAIRS[high >> 12]}${PAIRS[high & 4095]}${PAIRS[low >> 12]}${PAIRS[low & 4095]}`;
}

/** A number as three bytes, in the same way: exactly four characters. */
function ageText(ageMs: number): string {
  const age = Math.min(Math.max(0, ageMs), MAX_AGE_MS);
  return `${PAIRS[age >> 12]}${PAIRS[age & 4095]}`;
}

/** Writes and reads the cursors of one topic. */
export class CursorCodec {
  readonly idMark: number;
  readonly #nameHash: Uint8Array;
  /** The first bytes of each cursor that is written. */
  readonly #start: string;

  /** @param topic.id `null` if the brokers don't know ids of topics */
  constructor({ name, id }: { readonly name: string; readonly id: string | null }) {
    this.#nameHash = sha256(name);
    // 0 says that the id is not known.
    this.idMark = id === null ? NO_ID : sha256(id).readUInt32BE() || 1;
    this.#start = this.#startWith(this.idMark);
  }

  /** Writes a cursor: 20 characters, and 12 for each partition. */
  encode({ positions, times, timeMs }: Omit<Cursor, "idMark">): string {
    let text = this.#start + numberText(timeMs);
    for (const [partition, position] of positions.entries()) {
      text += numberText(position) + ageText(timeMs - (times[partition] ?? timeMs));
    }
    return text;
  }

  /** Reads a cursor; `null` if the text is not a cursor, or names another topic. */
  decode(text: string): Cursor | null {
    const bytes = Buffer.from(text, "base64url");
    const hasId = bytes[0] === VERSION;
    const partitionBytes = hasId ? NUMBER_BYTES + AGE_BYTES : NUMBER_BYTES;
    const partitions = (bytes.length - HEADER_BYTES) / partitionBytes;
    if (partitions < 0 || !Number.isInteger(partitions)) return null;
    const idMark = hasId ? bytes.readUInt32BE(ID_AT) : NO_ID;
    const start = hasId ? this.#startWith(idMark) : this.#startWithoutId;
    // Another version or topic, and characters that Buffer ignores, would be written differently.
    if (!text.startsWith(start) || bytes.toString("base64url") !== text) return null;

    const timeMs = bytes.readUIntBE(START_BYTES, NUMBER_BYTES);
    const ats = Array.from({ length: partitions }, (_, i) => HEADER_BYTES + partitionBytes * i);
    const ageAt = (at: number) => hasId ? bytes.readUIntBE(at + NUMBER_BYTES, AGE_BYTES) : 0;
    return {
      idMark,
      timeMs,
      positions: ats.map((at) => bytes.readUIntBE(at, NUMBER_BYTES)),
      times: ats.map((at) => timeMs - ageAt(at)),
    };
  }

  #startWith(idMark: number): string {
    const start = Buffer.alloc(START_BYTES);
    start.writeUInt8(VERSION);
    start.set(this.#nameHash.subarray(0, ID_AT - 1), 1);
    start.writeUInt32BE(idMark, ID_AT);
    return start.toString("base64url");
  }

  get #startWithoutId(): string {
    return Buffer.from([VERSION_WITHOUT_ID, ...this.#nameHash.subarray(0, 8)])
      .toString("base64url");
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/**
 * Places in the log, as clients keep them (DEL3). They mean the same on every instance.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** The offset to be read next, by partition. */
export type Positions = readonly number[];

/** What a cursor says. */
export interface Cursor {
  readonly positions: Positions;
  /** Milliseconds since 1970: no record in front of the place is newer (DEL6). */
  readonly timeMs: number;
}

/** Writes and reads the cursors of one topic. */
export interface CursorCodec {
  /** 20 characters, and 8 a partition. */
  encode(cursor: Cursor): string;
  /** `null` for what is unreadable, or of another topic. */
  decode(text: string): Cursor | null;
}

const VERSION = 1;
/** Version, topic, time. */
const HEADER_BYTES = 1 + 8 + 6;
/** Enough for 2.8e14, of records in a partition as of milliseconds. */
const NUMBER_BYTES = 6;
/** What a cursor can say: a producer may write into a record's timestamp what it likes. */
export const MAX_TIME_MS = 2 ** (8 * NUMBER_BYTES) - 1;

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** Of each 12 bits. */
const PAIRS = Array.from(
  { length: 4096 },
  (_, bits) => `${BASE64URL[bits >> 6]}${BASE64URL[bits & 63]}`,
);

/** A number's 6 bytes, big-endian, in base64url; as 8 characters are 6 bytes, all can be written apart. */
function numberText(number: number): string {
  const high = Math.floor(number / 2 ** 24);
  const low = number % 2 ** 24;
  return `${PAIRS[high >> 12]}${PAIRS[high & 4095]}${PAIRS[low >> 12]}${PAIRS[low & 4095]}`;
}

/** Makes the codec of a topic. */
export function createCursorCodec(topic: string): CursorCodec {
  const mark = createHash("sha256").update(topic).digest().subarray(0, 8);
  const start = Buffer.from([VERSION, ...mark]).toString("base64url");

  function encode({ positions, timeMs }: Cursor): string {
    let text = start + numberText(timeMs);
    for (const position of positions) text += numberText(position);
    return text;
  }

  return {
    encode,
    decode(text) {
      const bytes = Buffer.from(text, "base64url");
      const partitions = (bytes.length - HEADER_BYTES) / NUMBER_BYTES;
      if (partitions < 0 || !Number.isInteger(partitions)) return null;
      const cursor: Cursor = {
        timeMs: bytes.readUIntBE(9, NUMBER_BYTES),
        positions: Array.from(
          { length: partitions },
          (_, i) => bytes.readUIntBE(HEADER_BYTES + NUMBER_BYTES * i, NUMBER_BYTES),
        ),
      };
      // Whatever is not just what would be written, is of another topic or version, or no cursor.
      return encode(cursor) === text ? cursor : null;
    },
  };
}

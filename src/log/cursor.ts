/**
 * Cursors: places in the log as clients keep them (DEL3). They mean the same on every instance.
 * The stream writes them for replies and pushes, and reads those with which clients resume.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** The next offset to read of each partition. */
export type Positions = readonly number[];

/** The content of a cursor. */
export interface Cursor {
  readonly positions: Positions;
  /** Milliseconds since 1970: no record before the positions is newer (DEL6). */
  readonly timeMs: number;
}

const VERSION = 1;
/** The version, the topic's mark and the time. */
const HEADER_BYTES = 1 + 8 + 6;
/** Six bytes hold 2.8e14: enough for a partition's records, and for milliseconds since 1970. */
const NUMBER_BYTES = 6;
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

/** Writes and reads the cursors of one topic. */
export class CursorCodec {
  /** The version and the topic's mark, with which every cursor starts. */
  readonly #start: string;

  constructor(topic: string) {
    const mark = createHash("sha256").update(topic).digest().subarray(0, 8);
    this.#start = Buffer.from([VERSION, ...mark]).toString("base64url");
  }

  /** Writes a cursor: 20 characters, and 8 for each partition. */
  encode({ positions, timeMs }: Cursor): string {
    let text = this.#start + numberText(timeMs);
    for (const position of positions) text += numberText(position);
    return text;
  }

  /** Reads a cursor; `null` if the text is not a cursor, or is the cursor of another topic. */
  decode(text: string): Cursor | null {
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
    // Another version or topic, and characters that Buffer ignores, would be written differently.
    return this.encode(cursor) === text ? cursor : null;
  }
}

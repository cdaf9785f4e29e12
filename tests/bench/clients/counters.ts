/** Counters for the bytes that clients receive, which do not parse them. */

/** Counts something in bytes that come in pieces. */
export interface Counter {
  /** Gives how many end in this piece. */
  take(bytes: Uint8Array): number;
}

/** Counts a server's text frames. */
export class FrameCounter implements Counter {
  /** The beginning of a header, of which the rest has not come yet. */
  #header: number[] = [];
  /** Bytes of the frame that are still to come. */
  #left = 0;
  #isText = false;

  take(bytes: Uint8Array): number {
    let frames = 0;
    for (let at = 0; at < bytes.length;) {
      if (this.#left === 0) {
        this.#header.push(bytes[at++] ?? 0);
        const length = payloadLength(this.#header);
        if (length === undefined) continue;
        this.#isText = ((this.#header[0] ?? 0) & 15) === 1;
        this.#header = [];
        this.#left = length;
        if (length > 0) continue;
      } else {
        const count = Math.min(this.#left, bytes.length - at);
        at += count;
        this.#left -= count;
      }
      if (this.#left === 0 && this.#isText) frames++;
    }
    return frames;
  }
}

/** Reads a header without a mask, if all of it is there. */
function payloadLength([, short, ...long]: readonly number[]): number | undefined {
  if (short === undefined) return undefined;
  if (short < 126) return short;
  if (long.length < (short === 126 ? 2 : 8)) return undefined;
  return long.reduce((length, byte) => length * 256 + byte, 0);
}

/** Counts how often a text comes. Its beginning must not come twice in a row. */
export class TextCounter implements Counter {
  readonly #text: Uint8Array;
  #matched = 0;

  constructor(text: string) {
    this.#text = new TextEncoder().encode(text);
  }

  take(bytes: Uint8Array): number {
    const text = this.#text;
    let matched = this.#matched;
    let found = 0;
    for (const byte of bytes) {
      matched = byte === text[matched] ? matched + 1 : byte === text[0] ? 1 : 0;
      if (matched < text.length) continue;
      found++;
      matched = 0;
    }
    this.#matched = matched;
    return found;
  }
}

/** Counts stamps, which are `"at":` with milliseconds since 1970 after it, and reports each. */
export class StampCounter implements Counter {
  readonly #tell: (at: number) => void;
  readonly #decoder = new TextDecoder();
  /** The end of the last piece, in which a stamp may begin. */
  #rest = "";

  constructor(tell: (at: number) => void) {
    this.#tell = tell;
  }

  take(bytes: Uint8Array): number {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    let stamps = 0;
    let end = 0;
    for (const { index, 0: { length }, 1: at } of text.matchAll(/"at":([\d.]+)[^\d.]/g)) {
      this.#tell(Number(at));
      stamps++;
      end = index + length;
    }
    this.#rest = text.slice(Math.max(end, text.length - MAX_STAMP_LENGTH));
    return stamps;
  }
}

/** Characters that a stamp has at most. */
const MAX_STAMP_LENGTH = 30;

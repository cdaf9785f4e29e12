/**
 * What an LZ codec writes: chunks of limited size, and the history behind them that it may copy from.
 */

/**
 * Bytes of history. LZ4 reaches back no further; snappy's format could, but its compressors work in
 * blocks of so many bytes.
 */
const HISTORY_BYTES = 64 * 1024;
/** The most bytes of a chunk: few enough to write them in less than a millisecond. */
const CHUNK_BYTES = 64 * 1024;
/** The most bytes of the buffer, in which chunks follow each other, each being the history of the next. */
const BUFFER_BYTES = 512 * 1024;
const MIN_BUFFER_BYTES = 4 * 1024;

/** Up to so many bytes, it takes less time to copy them one by one. */
const SHORT_BYTES = 64;

/** Compressed data is not what its format says: cut short, with lengths that lie, and so on. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";
}

/** The output of one batch. Chunks that were taken do not change any more: they are copies. */
export class LzOutput {
  #buffer: Uint8Array;
  /** Where the chunk begins; in front of it is the history. */
  #start = 0;
  #at = 0;
  /** All bytes that were written. */
  written = 0;

  /** @param expected A guess of how many bytes there will be; the first buffer is that long */
  constructor(expected: number) {
    this.#buffer = new Uint8Array(Math.min(Math.max(expected, MIN_BUFFER_BYTES), BUFFER_BYTES));
  }

  /** Whether the chunk must be taken before more can be written. */
  get isFull(): boolean {
    return this.#room === 0;
  }

  /**
   * Writes bytes of the input, as many as there is room for.
   *
   * @returns How many were written
   */
  literals(input: Uint8Array, from: number, count: number): number {
    if (from + count > input.length) {
      throw new BrokenStreamError("the compressed data is cut short");
    }
    const copied = Math.min(count, this.#room);
    this.#buffer.set(input.subarray(from, from + copied), this.#at);
    return this.#add(copied);
  }

  /**
   * Writes bytes again that were written so many bytes before, as many as there is room for.
   *
   * @returns How many were written
   */
  repeat(distance: number, count: number): number {
    const from = this.#at - distance;
    if (distance === 0 || from < 0) {
      throw new BrokenStreamError(`the compressed data refers to ${distance} bytes before`);
    }
    const copied = Math.min(count, this.#room);
    const buffer = this.#buffer;
    const end = this.#at + copied;
    if (distance === 1) {
      buffer.fill(buffer[from] ?? 0, this.#at, end);
    } else if (copied <= SHORT_BYTES) {
      for (let at = this.#at; at < end; at++) buffer[at] = buffer[at - distance] ?? 0;
    } else {
      // What was written so far repeats itself, so each copy may be twice as long as the one before.
      for (let at = this.#at; at < end;) {
        const length = Math.min(at - from, end - at);
        buffer.copyWithin(at, from, from + length);
        at += length;
      }
    }
    return this.#add(copied);
  }

  /** Takes what was written since the last time. */
  take(): Uint8Array {
    const chunk = this.#buffer.slice(this.#start, this.#at);
    this.#start = this.#at;
    if (this.#at === this.#buffer.length) {
      const history = this.#buffer.subarray(-HISTORY_BYTES);
      if (this.#buffer.length < BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
      this.#buffer.set(history);
      this.#start = this.#at = history.length;
    }
    return chunk;
  }

  /** Takes what is left at the end, without a copy. */
  takeLast(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#at);
  }

  /** Bytes that the chunk can still take. */
  get #room(): number {
    return Math.min(this.#buffer.length, this.#start + CHUNK_BYTES) - this.#at;
  }

  #add(count: number): number {
    this.#at += count;
    this.written += count;
    return count;
  }
}

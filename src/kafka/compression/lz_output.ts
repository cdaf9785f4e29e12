/**
 * What an LZ codec writes: chunks of limited size, and what was written before them, from which it may
 * copy.
 */

/** Bytes of a segment. A chunk is within one: it takes less than a millisecond to write. */
const SEGMENT_BYTES = 64 * 1024;
/** The least bytes of the first segment. */
const MIN_SEGMENT_BYTES = 4 * 1024;

/** Up to so many bytes, it takes less time to copy them one by one. */
const SHORT_BYTES = 64;

/** Compressed data is not what its format says: cut short, with lengths that lie, and so on. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";
}

/**
 * The output of one batch. It grows by segments as bytes come, and keeps those that copies may still
 * reach. Chunks that were taken do not change any more: they are copies.
 */
export class LzOutput {
  /** The segments that copies may reach. The last one is written to; all before it are full. */
  readonly #segments: Uint8Array<ArrayBuffer>[];
  /** How many bytes were written before the first of them, and before the last one. */
  #firstAt = 0;
  #lastAt = 0;
  /** The last segment. */
  #segment: Uint8Array<ArrayBuffer>;
  /** Within the last segment: where the chunk begins, and where it ends. */
  #start = 0;
  #at = 0;
  /** How many bytes were written before the block. */
  #blockAt = 0;
  readonly #historyBytes: number;

  /**
   * @param options.expected A guess of how many bytes there will be; the first segment is that long
   * @param options.historyBytes How far back copies may reach within a block
   */
  constructor({ expected, historyBytes }: { expected: number; historyBytes: number }) {
    this.#segment = new Uint8Array(Math.min(Math.max(expected, MIN_SEGMENT_BYTES), SEGMENT_BYTES));
    this.#segments = [this.#segment];
    this.#historyBytes = historyBytes;
  }

  /** All bytes that were written. */
  get written(): number {
    return this.#lastAt + this.#at;
  }

  /** Whether the chunk must be taken before more can be written. */
  get isFull(): boolean {
    return this.#room === 0;
  }

  /** Begins a block: from here on, copies do not reach what is in front of it. */
  beginBlock(): void {
    this.#blockAt = this.written;
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
    this.#segment.set(input.subarray(from, from + copied), this.#at);
    return this.#add(copied);
  }

  /**
   * Writes bytes again that were written so many bytes before, as many as there is room for and as
   * follow each other in one segment.
   *
   * @returns How many were written
   */
  repeat(distance: number, count: number): number {
    if (distance === 0 || distance > Math.min(this.#historyBytes, this.written - this.#blockAt)) {
      throw new BrokenStreamError(`the compressed data refers to ${distance} bytes before`);
    }
    const from = this.#at - distance;
    if (from < 0) return this.#repeatEarlier(this.written - distance, count);
    const copied = Math.min(count, this.#room);
    const segment = this.#segment;
    const end = this.#at + copied;
    if (distance === 1) {
      segment.fill(segment[from] ?? 0, this.#at, end);
    } else if (copied <= SHORT_BYTES) {
      for (let at = this.#at; at < end; at++) segment[at] = segment[at - distance] ?? 0;
    } else {
      // What was written so far repeats itself, so each copy may be twice as long as the one before.
      for (let at = this.#at; at < end;) {
        const length = Math.min(at - from, end - at);
        segment.copyWithin(at, from, from + length);
        at += length;
      }
    }
    return this.#add(copied);
  }

  /** Takes what was written since the last time. */
  take(): Uint8Array {
    const chunk = this.#segment.slice(this.#start, this.#at);
    this.#start = this.#at;
    if (this.#at === this.#segment.length) this.#extend();
    return chunk;
  }

  /** Takes what is left at the end, without a copy. */
  takeLast(): Uint8Array {
    return this.#segment.subarray(this.#start, this.#at);
  }

  /**
   * Ends the output, and gives the memory of its history back at once. As garbage, that of several
   * batches would wait until V8 collects it. What {@linkcode takeLast} gave stays.
   */
  end(): void {
    for (const segment of this.#segments.splice(0, this.#segments.length - 1)) giveBack(segment);
  }

  /** Bytes that the chunk can still take. */
  get #room(): number {
    return this.#segment.length - this.#at;
  }

  #add(count: number): number {
    this.#at += count;
    return count;
  }

  /** Writes bytes again that are in an earlier segment, up to its end. */
  #repeatEarlier(position: number, count: number): number {
    const offset = position - this.#firstAt;
    const source = this.#segments[Math.floor(offset / SEGMENT_BYTES)] ?? this.#segment;
    const from = offset % SEGMENT_BYTES;
    const copied = Math.min(count, this.#room, SEGMENT_BYTES - from);
    if (copied <= SHORT_BYTES) {
      const segment = this.#segment;
      const at = this.#at;
      for (let i = 0; i < copied; i++) segment[at + i] = source[from + i] ?? 0;
    } else {
      this.#segment.set(source.subarray(from, from + copied), this.#at);
    }
    return this.#add(copied);
  }

  /** Makes room behind the full segment: uses one that copies can't reach any more, or makes one. */
  #extend(): void {
    const { length } = this.#segment;
    if (length < SEGMENT_BYTES) {
      // The first one was made as long as was expected.
      const longer = new Uint8Array(SEGMENT_BYTES);
      longer.set(this.#segment);
      this.#segments[0] = this.#segment = longer;
      return;
    }
    this.#lastAt += length;
    const reached = Math.max(this.#blockAt, this.#lastAt - this.#historyBytes);
    const passed = this.#segments.splice(0, Math.floor((reached - this.#firstAt) / SEGMENT_BYTES));
    this.#firstAt += passed.length * SEGMENT_BYTES;
    this.#segment = passed.pop() ?? new Uint8Array(SEGMENT_BYTES);
    this.#segments.push(this.#segment);
    this.#start = this.#at = 0;
    for (const segment of passed) giveBack(segment);
  }
}

function giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
  buffer.transfer(0);
}

/**
 * Reads variable-length numbers. Nothing is thrown for bytes that are broken: decoding goes on with
 * zeros, and the caller looks at {@linkcode VarintReader.isBroken} once.
 */
export class VarintReader {
  /** The place of the next byte. */
  at = 0;
  /** The place behind the last byte that may be read. */
  end = 0;
  /** Whether a number was cut short, or longer than its kind allows. */
  isBroken = false;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.end = bytes.length;
  }

  /** A number of 32 bits, zigzag-coded. */
  int32(): number {
    const first = this.#byte();
    // Most numbers are small.
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) this.isBroken = true;
        return (value >>> 1) ^ -(value & 1);
      }
    }
    this.isBroken = true;
    return 0;
  }

  /** A number of 64 bits, zigzag-coded. Beyond 2^52 it is not exact. */
  int64(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    this.isBroken = true;
    return 0;
  }

  /** Skips bytes. A negative count, which means that there are none, skips nothing. */
  skip(count: number): void {
    if (count <= 0) return;
    if (count > this.end - this.at) this.isBroken = true;
    else this.at += count;
  }

  #byte(): number {
    if (this.at < this.end) return this.#view.getUint8(this.at++);
    this.isBroken = true;
    return 0;
  }
}

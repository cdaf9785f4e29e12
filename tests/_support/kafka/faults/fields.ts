/** Walks through the fields of an answer of a Kafka broker, to find where some of them are. */

/** Whether an answer of this version has compact fields and tags (KIP-482). */
export type Encoding = "classic" | "flexible";

export class Fields {
  /** Where the next field begins. */
  at: number;
  readonly #view: DataView;
  readonly #isFlexible: boolean;

  constructor(bytes: Uint8Array, { at, encoding }: { at: number; encoding: Encoding }) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.#isFlexible = encoding === "flexible";
  }

  /** Passes over fields of a fixed size, and gives where they begin. */
  skip(bytes: number): number {
    const at = this.at;
    this.at += bytes;
    return at;
  }

  int16(): number {
    return this.#view.getInt16(this.skip(2));
  }

  int32(): number {
    return this.#view.getInt32(this.skip(4));
  }

  /** A string, which may be null. */
  skipString(): void {
    this.skip(Math.max(0, this.#isFlexible ? this.#varint() - 1 : this.int16()));
  }

  /** Bytes or records, which may be null. */
  skipBytes(): void {
    this.skip(Math.max(0, this.#length()));
  }

  /** Calls a function for each element of an array, which may be null. */
  each(element: () => void): void {
    for (let left = this.#length(); left > 0; left--) element();
  }

  /** The tags at the end of a structure. */
  skipTags(): void {
    if (!this.#isFlexible) return;
    for (let left = this.#varint(); left > 0; left--) {
      this.#varint();
      this.skip(this.#varint());
    }
  }

  #length(): number {
    return this.#isFlexible ? this.#varint() - 1 : this.int32();
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.#view.getUint8(this.skip(1));
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  }
}

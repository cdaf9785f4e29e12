/**
 * Writes the primitives of Kafka's protocol, in their older and in their flexible form.
 */
const encoder = new TextEncoder();

/** A growing row of bytes. */
export class WireWriter {
  readonly #isFlexible: boolean;
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** @param options.isFlexible Whether lengths are compact, and tagged fields end each structure */
  constructor({ isFlexible }: { isFlexible: boolean }) {
    this.#isFlexible = isFlexible;
  }

  /** What was written. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int8(value: number): void {
    const at = this.#room(1);
    this.#view.setInt8(at, value);
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#view.setInt16(at, value);
  }

  int32(value: number): void {
    const at = this.#room(4);
    this.#view.setInt32(at, value);
  }

  /** @param value A whole number within 2^53 */
  int64(value: number): void {
    const at = this.#room(8);
    this.#view.setBigInt64(at, BigInt(value));
  }

  /** @param id 22 characters of base64url, as Kafka prints a topic's id; `null` writes zeros */
  uuid(id: string | null): void {
    const at = this.#room(16);
    if (id === null) return;
    this.#bytes.set(Uint8Array.fromBase64(id, { alphabet: "base64url" }), at);
  }

  string(value: string): void {
    const bytes = encoder.encode(value);
    if (this.#isFlexible) this.#unsigned(bytes.length + 1);
    else this.int16(bytes.length);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  array<T>(items: readonly T[], write: (item: T) => void): void {
    if (this.#isFlexible) this.#unsigned(items.length + 1);
    else this.int32(items.length);
    for (const item of items) write(item);
  }

  /** Ends a structure: no tagged fields. Writes nothing in versions without them. */
  tags(): void {
    if (this.#isFlexible) this.#unsigned(0);
  }

  #unsigned(value: number): void {
    for (let left = value;; left >>>= 7) {
      if (left < 0x80) return this.int8(left);
      this.int8((left & 0x7f) | 0x80);
    }
  }

  /**
   * Makes room for so many bytes, which are zero, and gives their place. To be called before
   * {@linkcode #bytes} or {@linkcode #view} is used: both may be others afterwards.
   */
  #room(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return at;
  }
}

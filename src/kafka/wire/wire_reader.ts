/**
 * Reads the primitives of Kafka's protocol, in their older and in their flexible form, from bytes that
 * may be broken. No length or count of theirs makes it loop or allocate.
 */
const decoder = new TextDecoder();

/** A broker's answer is not what the protocol says: cut short, with lengths that can't be, and so on. */
export class BrokenAnswerError extends Error {
  override readonly name = "BrokenAnswerError";
}

const NO_BYTES = new Uint8Array(0);

/** A place in the bytes of an answer. Each method reads what is there, and goes on behind it. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isFlexible: boolean;
  readonly #name: string;
  #at = 0;

  /**
   * @param options.isFlexible Whether lengths are compact, and tagged fields end each structure
   * @param options.name The API that answered, for errors
   */
  constructor(bytes: Uint8Array, { isFlexible, name }: { isFlexible: boolean; name: string }) {
    // kafkajs gives a Buffer, whose views take longer to make.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#isFlexible = isFlexible;
    this.#name = name;
  }

  boolean(): boolean {
    return this.#view.getInt8(this.#take(1)) !== 0;
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** A whole number. Beyond 2^53, where no offset is, it is not exact. */
  int64(): number {
    return Number(this.int64Exact());
  }

  int64Exact(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  /** A topic's id as Kafka prints it: 22 characters of base64url. `null` if it is not set. */
  uuid(): string | null {
    const at = this.#take(16);
    const bytes = this.#bytes.subarray(at, at + 16);
    if (bytes.every((byte) => byte === 0)) return null;
    return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  }

  /** @returns `null` if the string is not set */
  string(): string | null {
    const length = this.#isFlexible ? this.#compactLength() : this.int16();
    if (length < 0) return null;
    const at = this.#take(length);
    return decoder.decode(this.#bytes.subarray(at, at + length));
  }

  /** A view of the answer, without a copy. Bytes that are not set are empty. */
  bytes(): Uint8Array {
    const length = this.#isFlexible ? this.#compactLength() : this.int32();
    if (length < 0) return NO_BYTES;
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** An array that is not set is empty. */
  array<T>(read: () => T): T[] {
    const items: T[] = [];
    this.each(() => items.push(read()));
    return items;
  }

  /** Calls a function for each item of an array, which must read at least one byte. */
  each(read: () => void): void {
    const count = this.#isFlexible ? this.#compactLength() : this.int32();
    // Each item takes a byte at least.
    if (count > this.#left) throw this.error(`it counts ${count} items in ${this.#left} bytes`);
    for (let i = 0; i < count; i++) read();
  }

  /**
   * Reads the tagged fields that end a structure. Does nothing in versions without them.
   *
   * @param read Reads the fields that it knows by their tag. Unread bytes of a field are skipped
   */
  tags(read: (tag: number) => void): void {
    if (!this.#isFlexible) return;
    const count = this.#unsigned();
    for (let i = 0; i < count; i++) {
      const tag = this.#unsigned();
      const length = this.#unsigned();
      const end = this.#at + length;
      if (length > this.#left) throw this.error(`a field of ${length} bytes is cut short`);
      read(tag);
      if (this.#at > end) throw this.error(`the field ${tag} is longer than it says`);
      this.#at = end;
    }
  }

  /** Skips the tagged fields that end a structure. Does nothing in versions without them. */
  skipTags(): void {
    this.tags(() => {});
  }

  /** The length of a compact string, array or row of bytes; -1 if it is not set. */
  #compactLength(): number {
    return this.#unsigned() - 1;
  }

  #unsigned(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#view.getUint8(this.#take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.error("a number has more than 5 bytes");
  }

  get #left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    if (count > this.#left) throw this.error(`it ends after ${this.#bytes.length} bytes`);
    const at = this.#at;
    this.#at += count;
    return at;
  }

  /** Makes an error that says what is wrong with the answer. */
  error(reason: string): BrokenAnswerError {
    return new BrokenAnswerError(`Cannot read the answer to a ${this.#name} request: ${reason}`);
  }
}

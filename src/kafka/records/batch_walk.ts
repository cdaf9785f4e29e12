/**
 * Finds the batches in a partition's Fetch answer, by headers that may be broken: the checksum covers
 * neither the offset of a batch nor its length.
 */
import { type BatchHeader, MAGIC, readHeader } from "./batch_header.ts";
import type { DecodedPart, FetchedRecords } from "./decoded_part.ts";

/** The way through the batches of one answer. */
export class BatchWalk {
  /** The offset to read next. The caller moves it. */
  position: number;
  readonly #fetched: FetchedRecords;
  readonly #view: DataView;
  /** Where the next batch begins. */
  #at = 0;
  /** A batch that ends behind the answer. */
  #incomplete: BatchHeader | undefined;
  /** Why nothing was found. */
  #reason = "the answer has only batches of earlier offsets";

  constructor(fetched: FetchedRecords) {
    this.#fetched = fetched;
    this.position = fetched.position;
    const { records } = fetched;
    this.#view = new DataView(records.buffer, records.byteOffset, records.length);
  }

  /** Goes to the next batch with records at the position or behind it. */
  next(): { header: BatchHeader; batch: Uint8Array } | undefined {
    const { records } = this.#fetched;
    while (this.#at < records.length) {
      const header = readHeader(this.#view, this.#at);
      if (header === "cutShort") {
        this.#reason = "the answer ends in the header of a batch";
      } else if (header === "unusable" || this.#isMisplaced(header)) {
        this.#reason = "the offset or the length of a batch is broken";
      } else if (!header.isComplete) {
        this.#incomplete = header;
      } else {
        const batch = records.subarray(this.#at, this.#at + header.bytes);
        this.#at += header.bytes;
        if (header.lastOffset < this.position) continue;
        return { header, batch };
      }
      this.stop();
    }
    return undefined;
  }

  /** Leaves the rest of the answer to the next Fetch. */
  stop(): void {
    this.#at = this.#fetched.records.length;
  }

  /**
   * Sets aside a whole batch that can't be decoded, and moves the position behind it.
   *
   * @param options.isIntact Whether its checksum is right, so that its header can be trusted
   */
  setAside(
    header: BatchHeader,
    { reason, isIntact = false }: { reason: string; isIntact?: boolean },
  ): DecodedPart {
    const end = isIntact ? header.lastOffset + 1 : this.#endOf(header);
    const to = Math.max(end, this.position + 1);
    const from = header.magic < MAGIC
      ? this.position
      : Math.min(Math.max(header.baseOffset, this.position), to - 1);
    this.position = to;
    return { kind: "setAside", from, to, reason, leaderEpoch: isIntact ? header.leaderEpoch : -1 };
  }

  /**
   * The last part, if nothing was found: without it, the next Fetch would find nothing either.
   *
   * @param options.maxBatchBytes A larger batch is set aside, and not asked for again
   */
  rest({ maxBatchBytes }: { maxBatchBytes: number }): DecodedPart | undefined {
    const { position, records, isWhole = false } = this.#fetched;
    if (this.position !== position || records.length === 0) return undefined;
    const incomplete = this.#incomplete;
    if (!incomplete) {
      const reason = this.#reason;
      return { kind: "setAside", from: position, to: position + 1, reason, leaderEpoch: -1 };
    }
    const { bytes } = incomplete;
    if (bytes > maxBatchBytes) {
      return this.setAside(incomplete, { reason: `the batch has ${bytes} bytes` });
    }
    if (isWhole) return this.setAside(incomplete, { reason: "the batch is cut short" });
    return { kind: "incomplete", bytes };
  }

  /** Whether a batch says that it is where it can't be. */
  #isMisplaced({ baseOffset, lastOffset }: BatchHeader): boolean {
    if (baseOffset < 0 || lastOffset < baseOffset || lastOffset >= this.#fetched.end) return true;
    // The first batch may begin before the position, but no later one.
    const isLater = this.position !== this.#fetched.position;
    return isLater && baseOffset < this.position && lastOffset >= this.position;
  }

  /**
   * The offset behind the last record of a batch whose bytes are not what they should be. Where its
   * fields contradict each other, the least counts: too great a number would hide good records.
   */
  #endOf({ magic, baseOffset, lastOffset, count }: BatchHeader): number {
    const following = this.#at < this.#view.byteLength
      ? readHeader(this.#view, this.#at)
      : undefined;
    const known = typeof following === "object" && following.baseOffset > baseOffset &&
        following.baseOffset <= this.#fetched.end
      ? following.baseOffset
      : undefined;
    if (magic < MAGIC) return known ?? baseOffset + 1;
    return Math.min(lastOffset + 1, known ?? baseOffset + Math.max(count, 1));
  }
}

/**
 * Which batches belong to transactions that were aborted. A Fetch answer has the list of those that
 * overlap it; its batches are to be passed in order.
 */
import type { AbortedTransaction } from "../wire/fetch.ts";
import {
  type BatchHeader,
  HEADER_BYTES,
  isControl,
  isTransactional,
  readProducerId,
} from "./batch_header.ts";
import { VarintReader } from "./varints.ts";

/** The type of the mark of an aborted transaction; that of a committed one is 1. */
const ABORT = 0;

/** The transactions of one answer. */
export class AbortedTransactions {
  /** Those whose first offset is still to come, the next one last. */
  readonly #ahead: AbortedTransaction[];
  /** The producers whose transaction, which was aborted, has begun and not ended. */
  readonly #open = new Set<bigint>();

  constructor(transactions: readonly AbortedTransaction[]) {
    this.#ahead = transactions.toSorted((a, b) => b.firstOffset - a.firstOffset);
  }

  /** Whether a transaction is begun or still to come. */
  get isAny(): boolean {
    return this.#ahead.length > 0 || this.#open.size > 0;
  }

  /**
   * Passes a batch, whose checksum is right.
   *
   * @param batch All of its bytes
   * @returns Whether its records must be left out
   */
  pass(header: BatchHeader, batch: Uint8Array): boolean {
    if (!this.isAny || !isTransactional(header)) return false;
    for (
      let next = this.#ahead.at(-1);
      next && next.firstOffset <= header.lastOffset;
      next = this.#ahead.at(-1)
    ) {
      this.#open.add(next.producerId);
      this.#ahead.pop();
    }
    const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
    const producerId = readProducerId(view, 0);
    if (!isControl(header)) return this.#open.has(producerId);
    if (markType(view, batch) === ABORT) this.#open.delete(producerId);
    return true;
  }
}

/** The type of the mark that ends a transaction; -1 if it can't be read. Its key is version and type. */
function markType(view: DataView, batch: Uint8Array): number {
  const reader = new VarintReader(batch);
  reader.at = HEADER_BYTES;
  reader.int32(); // bytes of the record
  reader.skip(1); // its attributes
  reader.int64(); // its time
  reader.int32(); // its offset
  const keyBytes = reader.int32();
  if (reader.isBroken || keyBytes < 4 || reader.at + 4 > batch.length) return -1;
  return view.getInt16(reader.at + 2);
}

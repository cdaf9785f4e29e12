/**
 * Records that could not be used, where a record's way ends early (KAF6, KAF9). An operator sees at the
 * admin port where they are in the log and why, and can have them written again.
 */
import { createHash } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import { recordId } from "../protocol/frames.ts";

const logger = getLogger(["wss", "quarantine"]);

/** A record that was skipped, or several in a row that could not be decoded (KAF9). */
export interface SkippedRecord {
  readonly partition: number;
  /** The offset of the record; of several, that of the first one. */
  readonly offset: number;
  /** If they could not be decoded: the offset after that of the last one. */
  readonly until?: number;
  /** Milliseconds since 1970, as the log has it; `null` if it could not be decoded. */
  readonly timestamp: number | null;
  /** When this instance read the record, in milliseconds since 1970. */
  readonly readAt: number;
  /** What is wrong with the record. Never contains its value. */
  readonly reason: string;
}

/** A skipped record, and what became of it. */
export interface QuarantinedRecord extends SkippedRecord {
  /** Its place in the order in which this instance has added records. */
  readonly number: number;
  /** What its value is compared by; `null` if it could not be decoded. */
  readonly digest: string | null;
  /** Whether it was written again, as far as this instance knows. */
  readonly wasReplayed: boolean;
  /** Why it is not in the log any more (DEL13); `null` if it may be. Its id may be another one's then. */
  readonly goneBecause: string | null;
}

/** The position of a record in the log. */
type Position = Pick<SkippedRecord, "partition" | "offset">;

/** Remembers the latest records that could not be used. */
export class Quarantine {
  readonly #maxRecords: number;
  readonly #records: QuarantinedRecord[] = [];
  /** The ids of records that are being written again. */
  readonly #underWay = new Set<string>();
  #total = 0;
  #nextNumber = 0;

  constructor({ maxRecords }: { maxRecords: number }) {
    this.#maxRecords = maxRecords;
  }

  /** The remembered records, the oldest first. */
  get records(): readonly QuarantinedRecord[] {
    return this.#records;
  }

  /** How many records were added since the start, including those that are forgotten. */
  get total(): number {
    return this.#total;
  }

  /**
   * Logs a record and remembers it. If there are too many, the oldest one is forgotten.
   *
   * @param value The record's value, if it could be decoded
   */
  add(record: SkippedRecord, value: Uint8Array | null = null): void {
    const { offset, until = offset + 1, reason } = record;
    logger.warn("Record {id} was skipped: {reason}; see /quarantine", {
      id: until > offset + 1 ? `${recordId(record)} to ${until - 1}` : recordId(record),
      reason,
    });
    this.#total += until - offset;
    this.#records.push({
      ...record,
      number: this.#nextNumber++,
      digest: value && digestOf(value),
      wasReplayed: false,
      goneBecause: null,
    });
    if (this.#records.length > this.#maxRecords) this.#records.shift();
  }

  /** The latest record with this position; of several that could not be decoded, any position will do. */
  find(position: Position): QuarantinedRecord | undefined {
    return this.#records.findLast((record) => includes(record, position));
  }

  /** Notes that this instance has written a record again. */
  noteReplay(position: Position): void {
    this.#noteReplay((record) => includes(record, position));
  }

  /**
   * Notes a record that says of itself that it is another one, written again. Any producer can say so.
   * It counts only if it is true: the other one stands before it in the same partition, and has the same
   * value.
   *
   * @param of The id of the other record
   */
  noteCopy(of: string, { partition, offset, value }: Position & { value: Uint8Array }): void {
    if (!of.startsWith(`${partition}-`)) return;
    let digest: string | undefined;
    this.#noteReplay((record) =>
      record.partition === partition && record.offset < offset && recordId(record) === of &&
      record.digest === (digest ??= digestOf(value))
    );
  }

  /**
   * Notes that records are not in the log any more.
   *
   * @param part The partition, and the offset from which on they are gone; by default the whole log
   */
  noteGone(why: string, part?: { readonly partition: number; readonly from: number }): void {
    for (const [index, record] of this.#records.entries()) {
      const { partition, offset, until = offset + 1, goneBecause } = record;
      if (part && (partition !== part.partition || until <= part.from)) continue;
      this.#records[index] = { ...record, goneBecause: goneBecause ?? why };
    }
  }

  #noteReplay(isMeant: (record: QuarantinedRecord) => boolean): void {
    const index = this.#records.findLastIndex(isMeant);
    const record = this.#records[index];
    if (record?.goneBecause === null) this.#records[index] = { ...record, wasReplayed: true };
  }

  /** How many records are being written again. */
  get replayCount(): number {
    return this.#underWay.size;
  }

  /**
   * Claims a record in order to write it again.
   *
   * @returns A function that ends the claim; `null` if the record is already being written again
   */
  replaying(record: Position): (() => void) | null {
    const id = recordId(record);
    if (this.#underWay.has(id)) return null;
    this.#underWay.add(id);
    return () => this.#underWay.delete(id);
  }
}

function digestOf(value: Uint8Array): string {
  return createHash("sha256").update(value).digest("base64");
}

function includes(
  { partition, offset, until = offset + 1 }: SkippedRecord,
  position: Position,
): boolean {
  return position.partition === partition && offset <= position.offset && position.offset < until;
}

/**
 * Records that could not be used, where a record's way ends early (KAF6). An operator sees at the
 * admin port where they are in the log and why, and can have them written again.
 */
import { getLogger } from "@logtape/logtape";
import { recordId } from "../protocol/frames.ts";

const logger = getLogger(["wss", "quarantine"]);

/** A record that was skipped. */
export interface QuarantinedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, as the log has it. */
  readonly timestamp: number;
  /** When this instance read the record, in milliseconds since 1970. */
  readonly readAt: number;
  /** What is wrong with the record. Never contains its value. */
  readonly reason: string;
}

/** The position of a record in the log. */
type Position = Pick<QuarantinedRecord, "partition" | "offset">;

/** Remembers the latest records that could not be used. */
export class Quarantine {
  readonly #maxRecords: number;
  readonly #records: QuarantinedRecord[] = [];
  /** The ids of remembered records that have been written again. */
  readonly #replayed = new Set<string>();
  /** The ids of records that are being written again. */
  readonly #underWay = new Set<string>();
  #total = 0;

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

  /** Logs a record and remembers it. If there are too many, the oldest one is forgotten. */
  add(record: QuarantinedRecord): void {
    logger.warn("Record {partition}-{offset} was skipped: {reason}; see /quarantine", {
      partition: record.partition,
      offset: record.offset,
      reason: record.reason,
    });
    this.#total++;
    this.#records.push(record);
    if (this.#records.length <= this.#maxRecords) return;
    const oldest = this.#records.shift();
    if (oldest) this.#replayed.delete(recordId(oldest));
  }

  /** Notes that the record with this id was written again, by this instance or another one. */
  noteReplay(id: string): void {
    if (this.#records.some((record) => recordId(record) === id)) this.#replayed.add(id);
  }

  /** Whether a record was written again, as far as this instance knows. */
  wasReplayed(record: Position): boolean {
    return this.#replayed.has(recordId(record));
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

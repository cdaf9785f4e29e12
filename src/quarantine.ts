/**
 * Records that could not be used: where they are and why, so that someone can look (KAF6).
 */
import { getLogger } from "@logtape/logtape";

const log = getLogger(["wss", "quarantine"]);

/** A record that was passed over. */
export interface QuarantinedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Names what is wrong, never the value. */
  readonly reason: string;
}

/** The latest of them. */
export interface Quarantine {
  add(record: QuarantinedRecord): void;
  /** The oldest first. */
  readonly records: readonly QuarantinedRecord[];
  /** How many there have been since the start. */
  readonly total: number;
}

/** Makes a {@linkcode Quarantine} that keeps the latest `size` records. */
export function createQuarantine(size: number): Quarantine {
  const records: QuarantinedRecord[] = [];
  let total = 0;
  return {
    add(record) {
      log.warn("Record {partition}-{offset} was passed over: {reason}", { ...record });
      total++;
      records.push(record);
      if (records.length > size) records.shift();
    },
    get records() {
      return records;
    },
    get total() {
      return total;
    },
  };
}

/**
 * Records that could not be used: where they are and why, so that someone can look (KAF6).
 */
import { getLogger } from "@logtape/logtape";
import { recordId } from "../protocol/frames.ts";

const logger = getLogger(["wss", "quarantine"]);

/** A record that was passed over. */
export interface QuarantinedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, as the log has them. */
  readonly timestamp: number;
  /** When this instance has read it, in milliseconds since 1970. */
  readonly readAt: number;
  /** Names what is wrong, never the value. */
  readonly reason: string;
}

/** The latest of them. */
export interface Quarantine {
  add(record: QuarantinedRecord): void;
  /** A record was written again, or has come that another, by its id, was written again with. */
  noteReplay(id: string): void;
  /** Whether a record has been written again, as far as is known. */
  wasReplayed(record: Pick<QuarantinedRecord, "partition" | "offset">): boolean;
  /**
   * Begins to write a record again.
   *
   * @returns To be called when that is over; `null` where it is being done already
   */
  replaying(record: Pick<QuarantinedRecord, "partition" | "offset">): (() => void) | null;
  /** The oldest first. */
  readonly records: readonly QuarantinedRecord[];
  /** How many there have been since the start. */
  readonly total: number;
}

/** Makes a {@linkcode Quarantine} that keeps the latest `size` records. */
export function createQuarantine(size: number): Quarantine {
  const records: QuarantinedRecord[] = [];
  /** Ids of those that were written again; not more than there are records. */
  const replayed = new Set<string>();
  const underWay = new Set<string>();
  let total = 0;

  return {
    add(record) {
      logger.warn("Record {partition}-{offset} was passed over: {reason}; see /quarantine", {
        partition: record.partition,
        offset: record.offset,
        reason: record.reason,
      });
      total++;
      records.push(record);
      if (records.length <= size) return;
      const oldest = records.shift();
      if (oldest) replayed.delete(recordId(oldest));
    },
    noteReplay(id) {
      if (records.some((record) => recordId(record) === id)) replayed.add(id);
    },
    wasReplayed: (record) => replayed.has(recordId(record)),
    replaying(record) {
      const id = recordId(record);
      if (underWay.has(id)) return null;
      underWay.add(id);
      return () => underWay.delete(id);
    },
    get records() {
      return records;
    },
    get total() {
      return total;
    },
  };
}

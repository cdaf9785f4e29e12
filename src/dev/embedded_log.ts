/**
 * A log in memory, in place of Kafka, for as many readers as there are in this process.
 */
import type { LogEvents, LogReader, LogRecord } from "../log_reader.ts";

/** A log that one can write to. */
export interface EmbeddedLog {
  /** Appends a message; all readers have it when this returns. Gives its offset. */
  publish(value: string | Uint8Array | null, partition?: number): number;
  /** A reader of its own. */
  createReader(): LogReader;
}

/** Milliseconds between two tellings of the ends. */
const TELL_MS = 1000;

/** Makes an empty log. */
export function createEmbeddedLog({ partitions = 1 }: { partitions?: number } = {}): EmbeddedLog {
  const encoder = new TextEncoder();
  const log: LogRecord[][] = Array.from({ length: partitions }, () => []);
  const readers = new Set<LogEvents>();
  const ends = () => log.map((records) => records.length);

  function append(partition: number, record: Pick<LogRecord, "value" | "headers">): number {
    const records = log[partition];
    if (!records) throw new RangeError(`There is no partition ${partition}`);
    const offset = records.length;
    const appended = { partition, offset, timestamp: Date.now(), ...record };
    records.push(appended);
    for (const reader of readers) reader.onRecord(appended);
    return offset;
  }

  return {
    publish(value, partition = 0) {
      return append(partition, {
        value: typeof value === "string" ? encoder.encode(value) : value,
      });
    },

    createReader() {
      let reader: LogEvents | undefined;
      let telling: ReturnType<typeof setInterval> | undefined;
      return {
        start(events, { since }) {
          reader = events;
          for (const [partition, records] of log.entries()) {
            const index = records.findIndex(({ timestamp }) => timestamp >= since);
            const first = index < 0 ? records.length : index;
            const position = Math.max(0, first - 1);
            events.onPartition(partition, { first, position });
            for (const record of records.slice(position)) events.onRecord(record);
          }
          readers.add(events);
          const tell = () => events.onEnds({ ends: ends(), askedAt: Date.now() });
          tell();
          telling = setInterval(tell, TELL_MS);
          return Promise.resolve();
        },
        askEnds: () => Promise.resolve(ends()),
        replay({ partition, offset }) {
          const value = log[partition]?.[offset]?.value;
          if (value === undefined) {
            throw new RangeError(`There is no record ${partition}-${offset}`);
          }
          append(partition, { value, headers: { replays: `${partition}-${offset}` } });
          return Promise.resolve();
        },
        stop() {
          clearInterval(telling);
          if (reader) readers.delete(reader);
          return Promise.resolve();
        },
      };
    },
  };
}

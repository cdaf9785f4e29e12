/**
 * A log in memory, in place of Kafka, for as many readers as there are in this process.
 */
import type { LogEvents, LogReader, LogRecord } from "../log/reader.ts";

/** A log that one can write to. */
export interface EmbeddedLog {
  /** Appends a message; readers have it when this returns, unless they are busy. Gives its offset. */
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
  const readers = new Set<(record: LogRecord) => void>();
  const ends = () => log.map((records) => records.length);

  function append(partition: number, record: Pick<LogRecord, "value" | "headers">): number {
    const records = log[partition];
    if (!records) throw new RangeError(`There is no partition ${partition}`);
    const offset = records.length;
    const appended = { partition, offset, timestamp: Date.now(), ...record };
    records.push(appended);
    for (const take of readers) take(appended);
    return offset;
  }

  return {
    publish(value, partition = 0) {
      return append(partition, {
        value: typeof value === "string" ? encoder.encode(value) : value,
      });
    },

    createReader() {
      let take: ((record: LogRecord) => void) | undefined;
      let telling: ReturnType<typeof setInterval> | undefined;
      return {
        start(events, { since }) {
          take = createTaker(events);
          for (const [partition, records] of log.entries()) {
            const index = records.findIndex(({ timestamp }) => timestamp >= since);
            const first = index < 0 ? records.length : index;
            const position = Math.max(0, first - 1);
            events.onPartition(partition, { first, position });
            for (const record of records.slice(position)) take(record);
          }
          readers.add(take);
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
          if (take) readers.delete(take);
          return Promise.resolve();
        },
      };
    },
  };
}

/** Hands records to a reader one after the other. */
function createTaker(events: LogEvents): (record: LogRecord) => void {
  const waiting: LogRecord[] = [];
  let isBusy = false;

  async function takeAll(): Promise<void> {
    isBusy = true;
    for (let record = waiting.shift(); record; record = waiting.shift()) {
      const handled = events.onRecord(record);
      if (handled) await handled;
    }
    isBusy = false;
  }

  return (record) => {
    waiting.push(record);
    if (!isBusy) takeAll();
  };
}

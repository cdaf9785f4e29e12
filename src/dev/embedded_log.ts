/**
 * A log in memory, in place of Kafka, for any number of readers in this process.
 */
import type { Positions } from "../log/cursor.ts";
import type { Ends, LogEvents, LogReader, LogRecord, StartOptions } from "../log/reader.ts";

/** A log that the process itself writes. */
export interface EmbeddedLog {
  /**
   * Appends a message. When this returns, every reader that is not busy has handled it.
   *
   * @returns The offset of its record
   * @throws {RangeError} There is no such partition
   */
  publish(value: string | Uint8Array | null, partition?: number): number;
  /** Makes a reader of its own. */
  createReader(): LogReader;
}

/** Milliseconds between two reports of the ends of the partitions to a reader. */
const TELL_MS = 1000;

/** Makes an empty log. */
export function createEmbeddedLog({ partitions = 1 }: { partitions?: number } = {}): EmbeddedLog {
  const records = new Records(partitions);
  const encoder = new TextEncoder();
  return {
    publish: (value, partition = 0) =>
      records.append(partition, {
        value: typeof value === "string" ? encoder.encode(value) : value,
      }),
    createReader: () => new EmbeddedReader(records),
  };
}

/** The records of all partitions. */
class Records {
  /** Another log, such as that of a process that was started again, has another id. */
  readonly id = crypto.randomUUID();
  readonly #partitions: readonly LogRecord[][];
  /** Called with each record that is appended. */
  readonly listeners = new Set<(record: LogRecord) => void>();

  constructor(partitions: number) {
    this.#partitions = Array.from({ length: partitions }, () => []);
  }

  get partitions(): readonly (readonly LogRecord[])[] {
    return this.#partitions;
  }

  get ends(): Positions {
    return this.#partitions.map(({ length }) => length);
  }

  /** The same, as leaders report them: there are no transactions. */
  get toldEnds(): Ends["ends"] {
    return new Map(this.ends.map((end, partition) => [partition, { end, stableEnd: end }]));
  }

  /** @throws {RangeError} There is no such partition */
  append(partition: number, record: Pick<LogRecord, "value" | "headers">): number {
    const records = this.#partitions[partition];
    if (!records) throw new RangeError(`There is no partition ${partition}`);
    const offset = records.length;
    const appended = { partition, offset, timestamp: Date.now(), ...record };
    records.push(appended);
    for (const take of this.listeners) take(appended);
    return offset;
  }
}

/** Reads {@linkcode Records} as Kafka's reader reads a topic. */
class EmbeddedReader implements LogReader {
  readonly #records: Records;
  #take: ((record: LogRecord) => void) | undefined;
  #telling: ReturnType<typeof setInterval> | undefined;

  constructor(records: Records) {
    this.#records = records;
  }

  start(events: LogEvents, { since, readSince = since }: StartOptions): Promise<void> {
    events.onTopic({ id: this.#records.id });
    const take = this.#take = createTaker(events);
    for (const [partition, records] of this.#records.partitions.entries()) {
      const firstSince = (time: number) => {
        const index = records.findIndex(({ timestamp }) => timestamp >= time);
        return index < 0 ? records.length : index;
      };
      const first = firstSince(since);
      const position = Math.max(0, Math.min(firstSince(readSince), first - 1));
      events.onPartition(partition, { first, position });
      for (const record of records.slice(position)) take(record);
    }
    this.#records.listeners.add(take);
    const tell = () => events.onEnds({ ends: this.#records.toldEnds, askedAt: Date.now() });
    tell();
    this.#telling = setInterval(tell, TELL_MS);
    return Promise.resolve();
  }

  askEnds(): Promise<Positions> {
    return Promise.resolve(this.#records.ends);
  }

  /** @throws {RangeError} There is no such record */
  replay({ partition, offset }: Pick<LogRecord, "partition" | "offset">): Promise<void> {
    const value = this.#records.partitions[partition]?.[offset]?.value;
    if (value === undefined) throw new RangeError(`There is no record ${partition}-${offset}`);
    this.#records.append(partition, { value, headers: { replays: `${partition}-${offset}` } });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    clearInterval(this.#telling);
    if (this.#take) this.#records.listeners.delete(this.#take);
    return Promise.resolve();
  }
}

/** Makes a function that hands records to a reader, one after the other. */
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

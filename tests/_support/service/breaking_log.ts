/** A log in memory that a test replaces, cuts back, damages or stalls. */
import type { EmbeddedLog } from "../../../src/dev/embedded_log.ts";
import type { LogEvents, LogReader, LogRecord } from "../../../src/log/reader.ts";

/** Records that can't be decoded. */
interface Damage {
  readonly from: number;
  readonly to: number;
}

/** One partition. */
class Partition {
  records: LogRecord[] = [];
  damages: Damage[] = [];
  /** The offset of the first record that is still in the log. */
  low = 0;
  end = 0;
}

/** Passes events on to one reader, one after the other. */
class Queue {
  readonly events: LogEvents;
  readonly #waiting: ((events: LogEvents) => Promise<void> | void)[] = [];
  #isBusy = false;
  isStalled = false;

  constructor(events: LogEvents) {
    this.events = events;
  }

  add(pass: (events: LogEvents) => Promise<void> | void): void {
    this.#waiting.push(pass);
    this.run();
  }

  async run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (!this.isStalled) {
      const pass = this.#waiting.shift();
      if (!pass) break;
      const passed = pass(this.events);
      if (passed) await passed;
    }
    this.#isBusy = false;
  }
}

/** A log that may break, for any number of readers. */
export class BreakingLog implements EmbeddedLog {
  #id: string | null;
  #partitions: Partition[];
  readonly #queues = new Set<Queue>();

  /** @param options.knowsIds Whether the log has an id, as a topic has with most brokers */
  constructor(
    { partitions = 1, knowsIds = true }: { partitions?: number; knowsIds?: boolean } = {},
  ) {
    this.#id = knowsIds ? crypto.randomUUID() : null;
    this.#partitions = Array.from({ length: partitions }, () => new Partition());
  }

  publish(value: string | Uint8Array | null, partition = 0): number {
    const log = this.#partition(partition);
    const offset = log.end++;
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    const record = { partition, offset, timestamp: Date.now(), value: bytes };
    log.records.push(record);
    this.#tell((events) => events.onRecord(record));
    return offset;
  }

  /** Writes records that can't be decoded. */
  damage(partition: number, count: number): void {
    const log = this.#partition(partition);
    const damage = { from: log.end, to: log.end + count };
    log.damages.push(damage);
    log.end = damage.to;
    this.#tell((events) => setAside(events, partition, damage));
  }

  /** Writes records that are gone before anybody reads them. */
  lose(partition: number, count: number): void {
    const log = this.#partition(partition);
    const low = log.low = log.end += count;
    log.records = [];
    log.damages = [];
    this.#tell((events) => events.onLost(partition, low));
  }

  /** Cuts the records from an offset on off. */
  cut(partition: number, offset: number): void {
    const log = this.#partition(partition);
    log.end = offset;
    log.records = log.records.filter((record) => record.offset < offset);
    log.damages = log.damages.filter(({ from }) => from < offset);
    this.#tell((events) => events.onCut(partition, offset));
  }

  /** Deletes the log and makes it again. */
  replace({ partitions = this.#partitions.length }: { partitions?: number } = {}): void {
    this.#id = this.#id === null ? null : crypto.randomUUID();
    const id = this.#id;
    this.#partitions = Array.from({ length: partitions }, () => new Partition());
    this.#tell((events) => {
      events.onTopic({ id });
      for (let i = 0; i < partitions; i++) events.onPartition(i, { first: 0, position: 0 });
    });
  }

  /** Stops the readers that there are, or lets them go on. */
  stall(isStalled: boolean): void {
    for (const queue of this.#queues) {
      queue.isStalled = isStalled;
      queue.run();
    }
  }

  createReader(): LogReader {
    let own: Queue | undefined;
    return {
      start: (events) => {
        own = new Queue(events);
        this.#queues.add(own);
        this.#readAll(own);
        this.#tellEnds();
        return Promise.resolve();
      },
      askEnds: () => Promise.resolve(this.#partitions.map(({ end }) => end)),
      replay: () => Promise.reject(new Error("This log can't be written again")),
      stop: () => {
        if (own) this.#queues.delete(own);
        return Promise.resolve();
      },
    };
  }

  #readAll(queue: Queue): void {
    const id = this.#id;
    queue.add((events) => events.onTopic({ id }));
    for (const [partition, { low, records, damages }] of this.#partitions.entries()) {
      queue.add((events) => events.onPartition(partition, { first: low, position: low }));
      const all = [
        ...records.map((record) => ({
          at: record.offset,
          pass: (events: LogEvents) => events.onRecord(record),
        })),
        ...damages.map((damage) => ({
          at: damage.from,
          pass: (events: LogEvents) => setAside(events, partition, damage),
        })),
      ];
      for (const { pass } of all.sort((a, b) => a.at - b.at)) queue.add(pass);
    }
  }

  #tell(pass: (events: LogEvents) => Promise<void> | void): void {
    for (const queue of this.#queues) queue.add(pass);
    this.#tellEnds();
  }

  #tellEnds(): void {
    const ends = new Map(
      this.#partitions.map(({ end }, partition) => [partition, { end, stableEnd: end }]),
    );
    const told = { ends, askedAt: Date.now() };
    for (const queue of this.#queues) queue.add((events) => events.onEnds(told));
  }

  #partition(partition: number): Partition {
    const found = this.#partitions[partition];
    if (!found) throw new RangeError(`There is no partition ${partition}`);
    return found;
  }
}

function setAside(events: LogEvents, partition: number, damage: Damage): void {
  events.onSetAside(partition, { ...damage, reason: "its checksum is wrong" });
}

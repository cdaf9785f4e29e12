/**
 * How far this instance has read the topic. What the fetchers get comes in here, and its records go on
 * to the {@linkcode LogEvents}: one part at a time, whichever broker it is from, as a record may only
 * come when the one before it has been dealt with.
 */
import type { LogEvents } from "../../log/reader.ts";
import { FRAME_COST, TimeSlice } from "../../util/time_slice.ts";
import { CatchingUp } from "./catching_up.ts";
import { type EpochBound, PartitionReading } from "./partition_reading.ts";
import { PartitionReadings } from "./partition_readings.ts";
import {
  type DecodeLimits,
  endOf,
  type ReadRecords,
  type SetAsideRecords,
} from "../records/decoded_part.ts";
import { readBatches } from "../records/read_batches.ts";
import type { FetchedPartition } from "../wire/fetch.ts";

/** Answers in a row that may go on behind their ends: after so many, the offsets must be broken. */
const SURE_AFTER = 3;

/** Where a partition is read at the start. */
export interface PartitionStart {
  readonly partition: number;
  /** The offset of the oldest record. */
  readonly low: number;
  /** The offset up to which records can be read. */
  readonly end: number;
  /** The first record that belongs to the window. */
  readonly first: number;
  /** The first record that is read, if that is before `first`. */
  readonly from?: number;
}

/** The positions in one topic. */
export class TopicReading {
  readonly partitions = new PartitionReadings();
  readonly #events: LogEvents;
  readonly #limits: DecodeLimits;
  readonly #signal: AbortSignal;
  readonly #catchingUp = new CatchingUp();
  readonly #decoding = new TimeSlice({ pauses: true });
  readonly #handingOn = new TimeSlice();
  /** Resolves when the last part that came in has been handed on. */
  #turn: Promise<unknown> = Promise.resolve();
  #topicId: string | null = null;

  /**
   * @param options.limits What decoding may take (KAF11)
   * @param options.signal Aborted when the reader stops
   */
  constructor(
    events: LogEvents,
    { limits, signal }: { limits: DecodeLimits; signal: AbortSignal },
  ) {
    this.#events = events;
    this.#limits = limits;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#catchingUp.stop(), { once: true });
  }

  /** The id of the topic that is read; `null` if the brokers don't tell ids. */
  get topicId(): string | null {
    return this.#topicId;
  }

  /**
   * Resolves when everything has been read that could be read at the start, or when the signal is
   * aborted.
   */
  get caughtUp(): Promise<void> {
    return this.#catchingUp.done;
  }

  /**
   * Starts to read a topic. Each partition is started one record in front of the window, to know when
   * that record was written (DEL6).
   */
  open(topicId: string | null, starts: readonly PartitionStart[]): void {
    this.#topicId = topicId;
    this.#events.onTopic({ id: topicId });
    this.#catchingUp.begin(starts.map(({ partition, low, end, first, from = first }) => {
      const position = Math.max(low, Math.min(from, first - 1));
      this.partitions.set(partition, new PartitionReading(partition, position));
      this.#events.onPartition(partition, { first: Math.max(low, first), position });
      return { partition, position, end };
    }));
  }

  /** Takes the id that brokers tell now, and did not tell so far, for requests: the topic is the same. */
  adopt(topicId: string): void {
    this.#topicId = topicId;
  }

  /** Starts partitions that were added to the topic, at their beginning (KAF8). */
  add(partitions: readonly number[]): Promise<void> {
    return this.#inTurn(() => this.#add(partitions));
  }

  /** Starts the topic that was made in the place of the one that was read (DEL13). */
  replace(topicId: string | null, partitions: readonly number[]): Promise<void> {
    return this.#inTurn(() => {
      this.#topicId = topicId;
      this.partitions.clear();
      this.#events.onTopic({ id: topicId });
      this.#add(partitions);
      this.#catchingUp.stop();
    });
  }

  /**
   * Takes what was fetched for a position.
   *
   * @returns When its records have been handed on
   */
  take(reading: PartitionReading, fetched: FetchedPartition, position: number): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#isAt(reading, position)) return;
      const { partition, abortedTransactions, records, lastStableOffset } = fetched;
      // The leader notes the end and then reads, so an answer may go on behind the end that it tells.
      const isSure = reading.beyondEnd >= SURE_AFTER;
      const end = isSure ? lastStableOffset : Number.MAX_SAFE_INTEGER;
      const isWhole = reading.batchBytes > 0;
      const batches = readBatches(
        { partition, position, end, abortedTransactions, records, isWhole },
        { limits: this.#limits, slice: this.#decoding },
      );
      reading.batchBytes = 0;
      for await (const part of batches) {
        if (endOf(part) > lastStableOffset && !isSure) {
          reading.beyondEnd++;
          return;
        }
        if (part.kind === "incomplete") reading.batchBytes = part.bytes;
        else if (part.kind === "setAside") this.#setAside(reading, part);
        else if (this.#isReplaced(reading, part)) return;
        else await this.#handOn(reading, part);
        if (this.#signal.aborted) return;
      }
    });
  }

  /**
   * Reads on where a leader says that the log was cut back (DEL13).
   *
   * @param bound `null` if the leader's log has nothing of what was read. Nobody knows then where it
   * would have to be read again, so reading goes on where it is
   */
  cut(reading: PartitionReading, bound: EpochBound | null, position: number): Promise<void> {
    return this.#inTurn(() => {
      if (!this.#isAt(reading, position)) return;
      if (bound === null) return this.#cutHere(reading);
      const cut = reading.cutAt(bound);
      if (cut !== undefined) this.#cut(reading, cut);
    });
  }

  /**
   * Notes where a partition ends, as its leader says. The end of the start may be out of reach, if the log
   * was cut back ahead of the position.
   */
  noteEnd(reading: PartitionReading, end: number): void {
    const { partition, position } = reading;
    if (this.partitions.get(partition) !== reading) return;
    this.#catchingUp.noteEnd(partition, end);
    this.#catchingUp.note(partition, position);
  }

  /** Moves a position that is out of the log's range into it (DEL12, DEL13). */
  moveIntoLog(
    reading: PartitionReading,
    { low, high }: { low: number; high: number },
    position: number,
  ): Promise<void> {
    return this.#inTurn(() => {
      if (!this.#isAt(reading, position)) return;
      if (position < low) {
        reading.skip(low, -1);
        this.#events.onLost(reading.partition, low);
        this.#noteRead(reading);
      } else if (position > high) {
        this.#cut(reading, high);
      } else if (++reading.outOfRange === 2) {
        // The leader has no epoch of what was read, though its log has grown past the position.
        this.#cutHere(reading);
      }
    });
  }

  #add(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.partitions.set(partition, new PartitionReading(partition, 0));
      this.#events.onPartition(partition, { first: 0, position: 0 });
    }
  }

  /** Whether the position is still that for which a leader was asked. */
  #isAt(reading: PartitionReading, position: number): boolean {
    return !this.#signal.aborted && reading.position === position &&
      this.partitions.get(reading.partition) === reading;
  }

  async #handOn(reading: PartitionReading, part: ReadRecords): Promise<void> {
    reading.beyondEnd = 0;
    reading.noteEpoch(part.leaderEpoch);
    for (const record of part.records) {
      // Awaited only if there is something to wait for. Else it would cost a promise for each record.
      const nextTurn = this.#handingOn.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      if (this.#signal.aborted) return;
      const handled = this.#events.onRecord(record);
      reading.position = record.offset + 1;
      if (handled) await handled;
    }
    reading.position = part.next;
    this.#noteRead(reading);
  }

  #setAside(
    reading: PartitionReading,
    { from, to, reason, leaderEpoch }: SetAsideRecords,
  ): void {
    reading.beyondEnd = 0;
    reading.skip(to, leaderEpoch);
    this.#events.onSetAside(reading.partition, { from, to, reason });
    this.#noteRead(reading);
  }

  /**
   * Whether the records are of an earlier epoch than some that were read before them: then the log was
   * replaced. Only brokers before Fetch 12 don't tell it by themselves.
   */
  #isReplaced(reading: PartitionReading, { leaderEpoch, next }: ReadRecords): boolean {
    if (leaderEpoch < 0 || leaderEpoch >= reading.lastEpoch) return false;
    const cut = reading.cutAt({ epoch: leaderEpoch, endOffset: next });
    // No checksum covers the epoch of a batch: if it comes again, it is broken.
    if (cut === undefined || reading.loweredAt === reading.position) return false;
    reading.loweredAt = reading.position;
    this.#cut(reading, cut);
    return true;
  }

  #cutHere(reading: PartitionReading): void {
    reading.skip(reading.position, -1);
    this.#cut(reading, reading.position);
  }

  #cut(reading: PartitionReading, position: number): void {
    // The end of the start may be out of reach now.
    if (position < reading.position) this.#catchingUp.forget(reading.partition);
    reading.goBack(position);
    this.#events.onCut(reading.partition, position);
    this.#noteRead(reading);
  }

  /** Tells that everything before the position has been read. */
  #noteRead({ partition, position }: PartitionReading): void {
    this.#events.onPosition(partition, position);
    this.#catchingUp.note(partition, position);
  }

  #inTurn(work: () => void | Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

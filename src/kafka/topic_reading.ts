/**
 * How far this instance has read each partition of the topic. Batches of kafkajs come in here, and
 * their records go on to the {@linkcode LogEvents}.
 */
import type { Batch, IHeaders } from "kafkajs";
import type { LogEvents, RecordHeaders } from "../log/reader.ts";
import { FRAME_COST, TimeSlice } from "../util/time_slice.ts";
import type { PartitionBounds } from "./topic_admin.ts";

/** The positions of one topic. They outlive the consumers that read it. */
export class TopicReading {
  readonly events: LogEvents;
  /** The offset to read next, by partition. */
  readonly #positions = new Map<number, number>();
  /** The end that a partition had at the start, for partitions that have not been read up to it. */
  readonly #endsAtStart = new Map<number, number>();
  readonly #caughtUp = Promise.withResolvers<void>();
  readonly #slice = new TimeSlice();

  constructor(events: LogEvents) {
    this.events = events;
  }

  /** The offset to read next, by partition. */
  get positions(): ReadonlyMap<number, number> {
    return this.#positions;
  }

  /**
   * Resolves when everything has been read that was in the topic at the start, or at {@linkcode
   * stop}.
   */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /**
   * Starts a partition one record in front of the window, to know when that record was written
   * (DEL6).
   *
   * @param first The first record that belongs to the window
   */
  open({ partition, low, high }: PartitionBounds, first: number): void {
    const position = Math.max(low, first - 1);
    this.#positions.set(partition, position);
    if (position < high) this.#endsAtStart.set(partition, high);
    this.events.onPartition(partition, { first: Math.max(low, first), position });
  }

  /** Starts a partition that was added to the topic, at its beginning (KAF8). */
  openNew(partition: number): void {
    this.#positions.set(partition, 0);
    this.events.onPartition(partition, { first: 0, position: 0 });
  }

  /** Takes the records of a batch. */
  async take(batch: Batch): Promise<void> {
    const { partition } = batch;
    const position = this.#positions.get(partition) ?? 0;
    // kafkajs' types do not declare it. It equals our position, unless kafkajs has moved by itself:
    // it does so if the position is no longer in the log.
    const { fetchedOffset } = batch as Batch & { fetchedOffset: string };
    if (Number(fetchedOffset) > position) this.#lose(partition, Number(fetchedOffset));

    for (const { offset: text, timestamp, value, headers } of batch.messages) {
      // Awaited only if there is something to wait for. Else it would cost a promise for each record.
      const nextTurn = this.#slice.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      const offset = Number(text);
      // After a rejoin, a fetch may bring records that were read before it.
      if (offset < (this.#positions.get(partition) ?? 0)) continue;
      const handled = this.events.onRecord({
        partition,
        offset,
        timestamp: Number(timestamp),
        value,
        headers: recordHeaders(headers),
      });
      this.#positions.set(partition, offset + 1);
      if (handled) await handled;
    }
    this.advance(partition, Number(batch.lastOffset()) + 1);
  }

  /**
   * Notes that everything in front of a position has been read. Offsets without a record, such as a
   * transaction's marks, count as read.
   */
  advance(partition: number, position: number): void {
    if (position < (this.#positions.get(partition) ?? 0)) return;
    this.#positions.set(partition, position);
    this.events.onPosition(partition, position);
    if (position >= (this.#endsAtStart.get(partition) ?? 0)) this.#endsAtStart.delete(partition);
    this.noteCaughtUp();
  }

  /** Resolves {@linkcode caughtUp} if no partition is left to catch up with. */
  noteCaughtUp(): void {
    if (this.#endsAtStart.size === 0) this.#caughtUp.resolve();
  }

  /** Resolves {@linkcode caughtUp} although records may be left, because the reader stops. */
  stop(): void {
    this.#caughtUp.resolve();
  }

  /**
   * Moves each position that is outside of the log to the nearer bound (DEL12).
   *
   * @param options.before The positions at the time when the bounds were asked for. A partition
   * that has been read further since then is skipped: the next answer will be about its new
   * position
   * @returns The partitions that were moved, with their new positions
   */
  moveIntoBounds(
    bounds: readonly PartitionBounds[],
    { before }: { before: ReadonlyMap<number, number> },
  ): Map<number, number> {
    const moved = new Map<number, number>();
    for (const { partition, low, high } of bounds) {
      const position = before.get(partition);
      if (position === undefined || position !== this.#positions.get(partition)) continue;
      if (position >= low && position <= high) continue;
      const bound = position < low ? low : high;
      this.#lose(partition, bound);
      moved.set(partition, bound);
    }
    return moved;
  }

  #lose(partition: number, position: number): void {
    this.#positions.set(partition, position);
    this.events.onLost(partition, position);
  }
}

const NO_HEADERS: RecordHeaders = {};

function recordHeaders(headers: IHeaders | undefined): RecordHeaders {
  if (!headers || (!headers.traceparent && !headers.replays)) return NO_HEADERS;
  return {
    traceparent: headers.traceparent?.toString(),
    replays: headers.replays?.toString(),
  };
}

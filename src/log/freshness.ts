/**
 * Whether this instance is up to date with the log (DEL10). A partition is fresh if it was read up
 * to an end that its leader reported recently. The reader passes the ends on to this module, and
 * `sessions/stream_status.ts` tells clients if the stream is no longer fresh.
 */
import type { Positions } from "./cursor.ts";
import type { Ends, PartitionEnd } from "./reader.ts";

/** An end, and when the leader was asked for it, in milliseconds since 1970. */
export type ToldEnd = PartitionEnd & Pick<Ends, "askedAt">;

/**
 * How many ends of a partition may wait until they are reached. Leaders report ends with each
 * answer, many a second, so only one of those that were told within a part of the time is kept.
 */
const MAX_WAITING = 16;

/** What is known of one partition. */
interface Partition {
  latest?: ToldEnd;
  /**
   * The latest time at which the leader was asked for an end that was reached since. Before that,
   * the time at which the partition was found.
   */
  freshAt?: number;
  /** Ends that were not reached yet, the oldest first. */
  waiting: ToldEnd[];
}

/** Judges whether the stream is fresh. */
export class Freshness {
  readonly #afterMs: number;
  /** Milliseconds between two ends that wait. */
  readonly #spacingMs: number;
  /** When the log was found, in milliseconds since 1970. */
  #foundAt: number;
  /** The time of the last look, in milliseconds since 1970. */
  #lookedAt: number;
  readonly #partitions: Partition[] = [];

  /**
   * @param options.afterMs Milliseconds after which a partition is stale
   * @param options.now Milliseconds since 1970
   */
  constructor({ afterMs, now }: { afterMs: number; now: number }) {
    this.#afterMs = afterMs;
    this.#spacingMs = afterMs / MAX_WAITING;
    this.#foundAt = now;
    this.#lookedAt = now;
  }

  /** Notes ends that the leaders reported. */
  tell({ ends, askedAt }: Ends): void {
    for (const [number, { end, stableEnd }] of ends) {
      const partition = this.#partition(number);
      // Answers of two leaders may overtake each other. By so much, only a clock that was set back.
      const earlierMs = (partition.latest?.askedAt ?? askedAt) - askedAt;
      if (earlierMs > this.#afterMs) partition.waiting = [];
      else if (earlierMs > 0) continue;
      const told = partition.latest = { end, stableEnd, askedAt };
      const before = partition.waiting.at(-1);
      if (before && askedAt < before.askedAt + this.#spacingMs) continue;
      partition.waiting = partition.waiting.filter((told) => this.#isRecent(told, askedAt));
      partition.waiting.push(told);
    }
  }

  /** The latest end of a partition that its leader reported; `undefined` if there was none yet. */
  latest(partition: number): ToldEnd | undefined {
    return this.#partitions[partition]?.latest;
  }

  /** How many ends wait until they are reached. It does not grow with the number of answers. */
  get size(): number {
    return this.#partitions.reduce((size, { waiting }) => size + waiting.length, 0);
  }

  /** Forgets the ends of a partition, because it was cut back (DEL13). */
  forgetEnds(partition: number): void {
    const known = this.#partition(partition);
    known.waiting = [];
    delete known.latest;
  }

  /**
   * Forgets all partitions, because the log is another one (DEL13).
   *
   * @param now Milliseconds since 1970
   */
  reset(now: number): void {
    this.#partitions.length = 0;
    this.#foundAt = now;
  }

  /**
   * For how many milliseconds the stalest partition has not been fresh.
   *
   * @param positions How far each partition has been read
   * @param now Milliseconds since 1970
   * @returns `null` if all partitions are fresh
   */
  staleForMs(positions: Positions, now: number): number | null {
    if (now < this.#lookedAt) this.#setBack(now);
    this.#lookedAt = now;
    let stalest = positions.length === 0 ? this.#foundAt : now;
    for (const [number, position] of positions.entries()) {
      const partition = this.#partition(number);
      const { latest, waiting } = partition;
      for (const { end, askedAt } of latest ? [...waiting, latest] : waiting) {
        if (position >= end) partition.freshAt = Math.max(askedAt, partition.freshAt ?? 0);
      }
      partition.waiting = waiting.filter((told) =>
        position < told.end && this.#isRecent(told, now)
      );
      stalest = Math.min(stalest, partition.freshAt ??= now);
    }
    const staleMs = now - stalest;
    return staleMs > this.#afterMs ? staleMs : null;
  }

  /** Takes the times that lie ahead to the clock's new time, as it was set back. */
  #setBack(now: number): void {
    const byMs = this.#lookedAt - now;
    const moved = (time: number) => time > now ? time - byMs : time;
    const movedEnd = (told: ToldEnd) => ({ ...told, askedAt: moved(told.askedAt) });
    this.#foundAt = moved(this.#foundAt);
    for (const partition of Object.values(this.#partitions)) {
      const { latest, freshAt } = partition;
      if (latest) partition.latest = movedEnd(latest);
      if (freshAt !== undefined) partition.freshAt = moved(freshAt);
      partition.waiting = partition.waiting.map(movedEnd);
    }
  }

  #partition(number: number): Partition {
    return this.#partitions[number] ??= { waiting: [] };
  }

  #isRecent({ askedAt }: ToldEnd, now: number): boolean {
    return now - askedAt <= this.#afterMs;
  }
}

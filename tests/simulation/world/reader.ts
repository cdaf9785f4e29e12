/** One instance's reader of the simulated log: it tells what a reader of Kafka would tell. */
import type { LogEvents, LogReader, PartitionEnd } from "../../../src/log/reader.ts";
import { mix, type Random } from "../platform/random.ts";
import type { Loop, Process } from "../platform/loop.ts";
import type { Trace } from "../platform/trace.ts";
import type { Log, Partition, Stored } from "./log.ts";

/** How far a partition was read. */
interface Position {
  at: number;
  /** How many cuts of the partition were seen. */
  cuts: number;
  /** What the brokers keep from this instance until then, in milliseconds since 1970. */
  stalledUntil: number;
  /** Whether something is asked for already. */
  isAsking: boolean;
}

/** News of the log that an instance was told. */
export type Told =
  | { readonly news: "lost" | "cut" | "replaced" }
  | { readonly news: "set aside"; readonly partition: number; readonly to: number }
  | { readonly news: "logout"; readonly user: string };

/** What a {@linkcode SimulatedReader} needs. */
export interface ReaderOptions {
  readonly log: Log;
  readonly loop: Loop;
  readonly random: Random;
  readonly trace: Trace;
  readonly process: Process;
  /** Called when the instance is told of something. */
  readonly onTold: (told: Told) => void;
}

/** Milliseconds between two answers of an idle partition's leader. */
const IDLE_MS = 700;
/** The most records of one answer. */
const FETCHED = 20;

/** Reads the simulated log. */
export class SimulatedReader implements LogReader {
  readonly #options: ReaderOptions;
  #events: LogEvents | undefined;
  #topic = 0;
  #positions: Position[] = [];
  /** What was fetched and waits until the instance takes it. */
  #inbox: (() => Promise<void> | undefined)[] = [];
  #isTaking = false;
  #isStopped = false;
  #hasTrouble = false;
  /** The whole cluster can't be asked until then, in milliseconds since 1970. */
  #mutedUntil = 0;
  #onCaughtUp: (() => void) | undefined;
  /** By partition: where it must be read up to before the instance is ready. */
  #goals: number[] = [];
  /** By partition: the latest time of an end that was told and reached since. */
  readonly freshAt: number[] = [];
  #ends: { readonly askedAt: number; readonly end: number; readonly partition: number }[] = [];

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  start(events: LogEvents, { since }: { since: number }): Promise<void> {
    this.#events = events;
    const caughtUp = Promise.withResolvers<void>();
    this.#onCaughtUp = caughtUp.resolve;
    this.#open(since);
    this.#goals = this.#options.log.partitions.map(({ stableEnd }) => stableEnd);
    this.#poll();
    return caughtUp.promise;
  }

  askEnds(): Promise<number[]> {
    const { log, loop, random, process } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<number[]>();
    loop.after(random.between(0, 20, "ask ends"), () => {
      if (this.#isMuted && random.chance(0.5, "ends unknown")) {
        return reject(new Error("no answer"));
      }
      if (!this.#isMuted) resolve(log.partitions.map(({ end }) => end));
    }, process);
    return promise;
  }

  replay(): Promise<void> {
    return Promise.reject(new Error("Not simulated"));
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#onCaughtUp?.();
    return Promise.resolve();
  }

  /** The offset up to which each partition was read. */
  get positions(): readonly number[] {
    return this.#positions.map(({ at }) => at);
  }

  /** The leader of a partition gives this instance nothing for a time. */
  stall(partition: number, ms: number): void {
    const position = this.#positions[partition];
    if (position) position.stalledUntil = this.#options.loop.now + ms;
  }

  /** No broker answers this instance for a time. */
  mute(ms: number): void {
    this.#mutedUntil = this.#options.loop.now + ms;
  }

  /** All brokers answer again. */
  heal(): void {
    this.#mutedUntil = 0;
    for (const position of this.#positions) position.stalledUntil = 0;
  }

  /** Something was written to a partition. */
  onWrite(partition: number): void {
    const position = this.#positions[partition];
    if (!position || position.isAsking || this.#topic !== this.#options.log.topic) return;
    position.isAsking = true;
    const { loop, random, process } = this.#options;
    loop.after(random.between(0, 4, "fetch"), () => {
      position.isAsking = false;
      if (this.#positions[partition] === position) this.#fetch(partition);
    }, process);
  }

  get #isMuted(): boolean {
    return this.#options.loop.now < this.#mutedUntil;
  }

  /** What the leaders answer from time to time, also if there is nothing new. */
  #poll(): void {
    const { log, loop, random, process } = this.#options;
    if (this.#isStopped) return;
    loop.after(IDLE_MS * (0.5 + random.roll("poll")), () => this.#poll(), process);
    if (this.#isMuted !== this.#hasTrouble) {
      this.#hasTrouble = this.#isMuted;
      const trouble = { kind: "unreachable", text: "No broker can be reached" };
      this.#events?.onTrouble(this.#hasTrouble ? trouble : null);
    }
    if (this.#isMuted) return;
    if (this.#topic !== log.topic && this.#topic !== 0) {
      this.#inbox = [];
      this.#take(() => this.#open(0, true));
    }
    for (let p = this.#positions.length; p < log.partitions.length; p++) {
      if (this.#topic === log.topic) this.#take(() => this.#openPartition(p, { at: 0 }));
    }
    for (const p of log.partitions.keys()) this.#fetch(p);
  }

  #open(since: number, isReplaced = false): undefined {
    const { log, onTold } = this.#options;
    this.#topic = log.topic;
    this.#positions = [];
    this.#ends = [];
    this.freshAt.length = 0;
    this.#events?.onTopic({ id: topicId(log.topic) });
    for (const p of log.partitions.keys()) {
      const { stored, end } = log.partitions[p] as Partition;
      const first = stored.find(({ timestamp }) => timestamp >= since);
      this.#openPartition(p, { at: isReplaced ? 0 : first?.offset ?? end });
    }
    if (isReplaced) onTold({ news: "replaced" });
    return undefined;
  }

  /**
   * @param start.at The first offset for the window: 0 for a partition that was added. If retention has
   * taken its beginning, that is told afterwards
   */
  #openPartition(p: number, { at: first }: { at: number }): undefined {
    const partition = this.#options.log.partitions[p] as Partition;
    // The record just in front of the window tells how old it is.
    const before = first > partition.start ? partition.from(first - 1)?.offset ?? first : first;
    const position = Math.max(Math.min(partition.start, first), before);
    const { cuts } = partition;
    this.#positions[p] = { at: position, cuts: cuts.length, stalledUntil: 0, isAsking: false };
    this.freshAt[p] = this.#options.loop.now;
    this.#events?.onPartition(p, { first, position });
    return undefined;
  }

  /** Takes what the leader of a partition answers now. */
  #fetch(p: number): void {
    const { log, loop } = this.#options;
    const position = this.#positions[p];
    const partition = log.partitions[p];
    if (this.#isStopped || this.#isMuted || !position || !partition) return;
    if (this.#topic !== log.topic || loop.now < position.stalledUntil) return;
    this.#take(() => this.#answer(p, position));
    if (position.at + FETCHED < partition.stableEnd) this.onWrite(p);
  }

  /** Tells what is at a partition's position, if it still is the same partition. */
  #answer(p: number, position: Position): undefined {
    const { log, loop } = this.#options;
    const partition = log.partitions[p];
    if (!partition || this.#positions[p] !== position || this.#topic !== log.topic) return;
    const askedAt = loop.now;
    this.#findCut(p, position);
    if (position.at < partition.start) {
      position.at = partition.start;
      this.#tell({ news: "lost" }, `lost ${p} to ${position.at}`, (events) => {
        events.onLost(p, position.at);
      });
    }
    const { end, stableEnd } = partition;
    this.#ends.push({ askedAt, end, partition: p });
    this.#events?.onEnds({
      ends: new Map<number, PartitionEnd>([[p, { end, stableEnd }]]),
      askedAt,
    });
    const rest: (() => Promise<void> | undefined)[] = [];
    let at = position.at;
    for (let n = 0; n < FETCHED; n++) {
      const stored = partition.from(at);
      if (!stored || stored.end > stableEnd) break;
      at = stored.end;
      rest.push(() => this.#deliver(p, position, stored));
    }
    // These are taken before anything that was fetched later.
    this.#inbox.unshift(...rest);
    this.#note();
    return undefined;
  }

  #findCut(p: number, position: Position): void {
    const { cuts } = this.#options.log.partitions[p] as Partition;
    const to = Math.min(...cuts.slice(position.cuts));
    position.cuts = cuts.length;
    if (to >= position.at) return;
    position.at = to;
    this.#tell({ news: "cut" }, `cut ${p} to ${to}`, (events) => events.onCut(p, to));
  }

  #deliver(p: number, position: Position, stored: Stored): Promise<void> | undefined {
    const { process, trace, onTold } = this.#options;
    // Another answer came in between, or the partition is another one.
    if (this.#positions[p] !== position || position.at > stored.offset) return undefined;
    const { offset, end, timestamp, value, message } = stored;
    position.at = end;
    const { name } = process;
    let pause: Promise<void> | undefined;
    switch (message.does) {
      case "undecodable":
        this.#tell(
          { news: "set aside", partition: p, to: end },
          `set aside ${p} ${offset} to ${end}`,
          (events) => events.onSetAside(p, { from: offset, to: end, reason: "a wrong checksum" }),
        );
        break;
      case "marker":
        trace.step("record", `${name} marker ${p}-${offset}`);
        this.#events?.onPosition(p, end);
        break;
      default:
        trace.step("record", `${name} record ${p}-${offset} ${message.does}`);
        if (message.does === "logout") onTold({ news: "logout", user: message.user });
        pause = this.#events?.onRecord({ partition: p, offset, timestamp, value });
    }
    this.#note();
    return pause;
  }

  #tell(told: Told, text: string, tell: (events: LogEvents) => void): void {
    const { process, trace, onTold } = this.#options;
    trace.step("record", `${process.name} ${text}`);
    onTold(told);
    if (this.#events) tell(this.#events);
  }

  /** Notes which partitions are fresh by now, and whether the instance has caught up. */
  #note(): void {
    this.#ends = this.#ends.filter(({ partition, end, askedAt }) => {
      if ((this.#positions[partition]?.at ?? 0) < end) {
        return askedAt > this.#options.loop.now - 60_000;
      }
      this.freshAt[partition] = Math.max(askedAt, this.freshAt[partition] ?? 0);
      return false;
    });
    if (!this.#onCaughtUp) return;
    const { partitions } = this.#options.log;
    const isDone = this.#goals.every((goal, p) =>
      (this.#positions[p]?.at ?? Infinity) >= Math.min(goal, partitions[p]?.end ?? 0)
    );
    if (!isDone) return;
    this.#onCaughtUp();
    this.#onCaughtUp = undefined;
  }

  /** Lets the instance take something, after everything before it. */
  #take(news: () => Promise<void> | undefined): void {
    this.#inbox.push(news);
    if (!this.#isTaking) this.#work();
  }

  /** Nothing is handed over while the instance still works on a record. */
  async #work(): Promise<void> {
    this.#isTaking = true;
    for (let next = this.#inbox.shift(); next && !this.#isStopped; next = this.#inbox.shift()) {
      const pause = next();
      if (pause) await pause;
    }
    this.#isTaking = false;
  }
}

/** The id of a topic, as Kafka writes it. */
function topicId(topic: number): string {
  const bytes = Array.from({ length: 16 }, (_, i) => mix(topic, i) & 255);
  return btoa(String.fromCharCode(...bytes)).slice(0, 22).replaceAll("+", "-").replaceAll("/", "_");
}

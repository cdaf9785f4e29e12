/**
 * The parts without which the service does not do its work. Each one says when it is down and when it is
 * up again; operators see it in a log line, in a metric, and in `/readyz` if clients can't be served.
 */
import { getLogger } from "@logtape/logtape";
import type { Metrics } from "./metrics.ts";

const logger = getLogger(["wss", "parts"]);

/**
 * The vital parts: what each one is, and whether new clients can't be served without it. A defect stops
 * timers on all instances alike, so a stopped timer must not take them out of the balancer.
 */
const PARTS = {
  clients_port: { isNeeded: true, meaning: "The clients' port" },
  admin_port: { isNeeded: false, meaning: "The admin port" },
  stream_status: { isNeeded: false, meaning: "The watch over the stream's freshness" },
  cursors: { isNeeded: false, meaning: "The timer of the sessions' cursors" },
  revalidation: { isNeeded: false, meaning: "The timer of the tokens' revalidation" },
  comments: { isNeeded: false, meaning: "The timer of the event streams' comments" },
  idle_guests: { isNeeded: false, meaning: "The timer of idle guests" },
} as const;

/** Milliseconds after which a timer that has not fired is taken for dead. The longest period is 1 s. */
const LATE_MS = 10_000;
/** Milliseconds between two looks at the timers. */
const LOOK_MS = 1000;

/** The name of a vital part, also in the metric. */
export type PartName = keyof typeof PARTS;

/** Tells whether one part is up. */
export interface VitalPart {
  /** Says that the part does not work, and why. Further calls before `up` change nothing. */
  down(reason: string): void;
  /** Says that the part works again. */
  up(): void;
}

/** A part that does its work by a timer. */
interface TimedPart {
  readonly part: VitalPart;
  /** When the timer fired last, by `performance.now()`. */
  readonly firedAt: () => number;
  /** Whether it was late at the latest look. */
  wasLate: boolean;
}

/** Knows of each part whether it is up. */
export class VitalParts {
  readonly #partUp: Metrics["partUp"];
  readonly #down = new Set<PartName>();
  readonly #timed: TimedPart[] = [];
  readonly #looking = setInterval(() => this.#look(), LOOK_MS);

  constructor({ partUp }: Pick<Metrics, "partUp">) {
    this.#partUp = partUp;
  }

  /** The parts that are down and without which clients can't be served. */
  get missing(): PartName[] {
    return [...this.#down].filter((name) => PARTS[name].isNeeded);
  }

  /** Begins to watch a part, which is up. */
  watch(name: PartName): VitalPart {
    const { meaning } = PARTS[name];
    this.#partUp.set({ part: name }, 1);
    return {
      down: (reason) => {
        if (this.#down.has(name)) return;
        this.#down.add(name);
        this.#partUp.set({ part: name }, 0);
        logger.error("{meaning} is down: {reason}", { meaning, part: name, reason });
      },
      up: () => {
        if (!this.#down.delete(name)) return;
        this.#partUp.set({ part: name }, 1);
        logger.info("{meaning} is up again", { meaning, part: name });
      },
    };
  }

  /** Begins to watch a part that works by a timer: it is down if the timer does not fire any more. */
  watchTimer(name: PartName, firedAt: () => number): void {
    this.#timed.push({ part: this.watch(name), firedAt, wasLate: false });
  }

  /** Ends the watch over timers. */
  stop(): void {
    clearInterval(this.#looking);
  }

  #look(): void {
    const now = performance.now();
    for (const timed of this.#timed) {
      const isLate = now - timed.firedAt() > LATE_MS;
      // After a pause of the whole process, such as a suspended machine, all are late for one look.
      if (isLate && timed.wasLate) timed.part.down("its timer does not fire any more");
      else if (!isLate) timed.part.up();
      timed.wasLate = isLate;
    }
  }
}

/**
 * The parts without which the service does not do its work. Each one says when it is down and when it is
 * up again; operators see it in a log line, in a metric, and in `/readyz` if clients can't be served.
 */
import { getLogger } from "@logtape/logtape";
import type { Metrics } from "./metrics.ts";

const logger = getLogger(["wss", "parts"]);

/** The vital parts: whether clients can't be served without one, and what it is. */
const PARTS = {
  clients_port: { isNeeded: true, meaning: "The clients' port" },
  admin_port: { isNeeded: false, meaning: "The admin port" },
} as const;

/** The name of a vital part, also in the metric. */
export type PartName = keyof typeof PARTS;

/** Tells whether one part is up. */
export interface VitalPart {
  /** Says that the part does not work, and why. Further calls before `up` change nothing. */
  down(reason: string): void;
  /** Says that the part works again. */
  up(): void;
}

/** Knows of each part whether it is up. */
export class VitalParts {
  readonly #partUp: Metrics["partUp"];
  readonly #down = new Set<PartName>();

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
}

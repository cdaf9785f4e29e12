/**
 * Comments in event streams, so that no proxy takes a quiet one for dead (HTTP4).
 */
import { TimerWheel } from "../../util/timer_wheel.ts";

const TICK_MS = 1000;

/** Something that is sent comments. */
interface Commented {
  comment(): void;
}

/** Sends each stream a comment from time to time. */
export class Comments {
  readonly #periodMs: number;
  readonly #wheel: TimerWheel<Commented>;

  /** @param periodMs Milliseconds between two comments in one stream */
  constructor(periodMs: number) {
    this.#periodMs = periodMs;
    this.#wheel = new TimerWheel({
      tickMs: Math.min(TICK_MS, periodMs),
      onDue: (stream) => {
        stream.comment();
        this.add(stream);
      },
    });
  }

  /** When it was last looked which streams get a comment, by `performance.now()`. */
  get lookedAt(): number {
    return this.#wheel.turnedAt;
  }

  add(stream: Commented): void {
    this.#wheel.schedule(stream, this.#periodMs);
  }

  remove(stream: Commented): void {
    this.#wheel.cancel(stream);
  }

  stop(): void {
    this.#wheel.stop();
  }
}

/**
 * Comments in event streams, so that neither a proxy nor the client library takes a quiet one for dead
 * (HTTP4).
 */
import { TimerWheel } from "../../util/timer_wheel.ts";

const TICK_MS = 1000;
/** The most milliseconds between two comments. The client library takes a stream for dead after 40 s. */
const MAX_PERIOD_MS = 25_000;

/** Something that is sent comments. */
interface Commented {
  comment(): void;
}

/** Sends each stream a comment from time to time. */
export class Comments {
  readonly #periodMs: number;
  readonly #wheel: TimerWheel<Commented>;

  /** @param cursorMs Milliseconds between two cursors. A stream has as many comments, or more */
  constructor(cursorMs: number) {
    this.#periodMs = Math.min(cursorMs, MAX_PERIOD_MS);
    this.#wheel = new TimerWheel({
      tickMs: Math.min(TICK_MS, this.#periodMs),
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

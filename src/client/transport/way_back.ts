/**
 * The way back from HTTP to WebSockets: tries now and then whether one opens.
 */
import { NORMAL } from "./ends.ts";
import type { Line, LineEvents } from "./line.ts";

/** Milliseconds from the first try to the second. Each later one comes after twice as long. */
const FIRST_MS = 60_000;
/** The most milliseconds between two tries. */
const MOST_MS = 1_800_000;
/** Milliseconds that a try has. */
const OPEN_MS = 20_000;
/** A frame that the service answers. */
const PROBE = '{"rid":1}';

/**
 * Tries WebSockets beside one line over HTTP after another. The first try comes at once: an outage that
 * has just ended looks like WebSockets that do not come through.
 */
export class WayBack {
  readonly #open: (events: LineEvents) => Line;
  readonly #onOpen: () => void;
  readonly #onFailed: () => void;
  #line: Line | null = null;
  #waitMs = 0;
  /** When the next try is due, by `performance.now()`. */
  #dueAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param options.open Opens a WebSocket
   * @param options.onOpen Called when one has opened and carried a frame. It was closed again
   * @param options.onFailed Called when one has not
   */
  constructor(
    { open, onOpen, onFailed }: {
      open: (events: LineEvents) => Line;
      onOpen: () => void;
      onFailed: () => void;
    },
  ) {
    this.#open = open;
    this.#onOpen = onOpen;
    this.#onFailed = onFailed;
  }

  /** Tries when the next try is due, until one succeeds or this is stopped. */
  begin(): void {
    clearTimeout(this.#timer);
    const waitMs = this.#dueAt - performance.now();
    if (waitMs <= 0) return this.tryNow();
    this.#timer = setTimeout(() => this.tryNow(), waitMs);
  }

  /** Tries at once, unless a try is under way, and then again after some time. */
  tryNow(): void {
    if (this.#line) return;
    clearTimeout(this.#timer);
    this.#waitMs = Math.min(2 * this.#waitMs || FIRST_MS, MOST_MS);
    this.#dueAt = performance.now() + this.#waitMs;
    this.#timer = setTimeout(() => this.#failed(), OPEN_MS);
    try {
      this.#line = this.#open({
        onOpen: () => this.#line?.send(PROBE),
        onFrame: () => {
          this.stop();
          this.#waitMs = this.#dueAt = 0;
          this.#onOpen();
        },
        onEnd: () => this.#failed(),
      });
    } catch {
      // There are no WebSockets here.
      this.#failed();
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#line?.leave(NORMAL);
    this.#line = null;
  }

  #failed(): void {
    this.stop();
    this.#onFailed();
    this.begin();
  }
}

/**
 * The way back from HTTP to WebSockets: tries now and then whether one opens.
 */
import type { Line, LineEvents } from "./line.ts";

/** Milliseconds to the first try. Each later one comes after twice as long. */
const FIRST_MS = 60_000;
/** The most milliseconds between two tries. */
const MOST_MS = 1_800_000;
/** Milliseconds that a try has. */
const OPEN_MS = 20_000;

/** A frame that the service answers. */
const PROBE = '{"rid":1}';

/** Tries WebSockets until one carries a frame, or until it is stopped. */
export class WayBack {
  readonly #open: (events: LineEvents) => Line;
  readonly #onOpen: () => void;
  #line: Line | null = null;
  #waitMs = FIRST_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param options.open Opens a WebSocket
   * @param options.onOpen Called when one has opened and carried a frame. It was closed again
   */
  constructor({ open, onOpen }: { open: (events: LineEvents) => Line; onOpen: () => void }) {
    this.#open = open;
    this.#onOpen = onOpen;
  }

  /** Tries after some time. */
  begin(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.tryNow(), this.#waitMs);
    this.#waitMs = Math.min(2 * this.#waitMs, MOST_MS);
  }

  /** Tries at once, unless a try is under way, and then again after some time. */
  tryNow(): void {
    if (this.#line) return;
    this.stop();
    this.#line = this.#open({
      onOpen: () => this.#line?.send(PROBE),
      onFrame: () => {
        this.stop();
        this.#waitMs = FIRST_MS;
        this.#onOpen();
      },
      onEnd: () => {
        this.stop();
        this.begin();
      },
    });
    this.#timer = setTimeout(() => {
      this.stop();
      this.begin();
    }, OPEN_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#line?.leave(1000);
    this.#line = null;
  }
}

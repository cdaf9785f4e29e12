/**
 * What a client has still to be sent: the end of both ways, and the place where a slow client is
 * noticed (SLOW1, SLOW2).
 */

/** Milliseconds between two looks at the sockets of slow clients. */
const LOOK_MS = 50;

/** Characters. */
const LARGE_FRAME = 16_384;

/** What is used of a socket. */
export type OutboxSocket = Pick<WebSocket, "send" | "readyState" | "bufferedAmount">;

/** How slow a client may be. */
export interface SlowLimits {
  /** Bytes unsent, over which nothing more is queued. */
  readonly maxBufferedBytes: number;
  /** Milliseconds that a client has for each time that many, or part of it. */
  readonly slowTimeoutMs: number;
}

/** The sockets of slow clients, looked at by one timer; where there are none, there is no timer. */
export class SlowClients {
  readonly #outboxes = new Set<Outbox>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** How many there are. */
  get size(): number {
    return this.#outboxes.size;
  }

  /** Has it looked at until it is removed. */
  add(outbox: Outbox): void {
    this.#outboxes.add(outbox);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  remove(outbox: Outbox): void {
    this.#outboxes.delete(outbox);
    if (this.#outboxes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    for (const outbox of [...this.#outboxes]) outbox.look(now);
  }
}

/** What one client has still to be sent. */
export class Outbox {
  readonly #socket: OutboxSocket;
  readonly #limits: SlowLimits;
  readonly #slowClients: SlowClients;
  readonly #onTooSlow: () => void;
  /** Called as soon as there is room again. */
  #waiting: (() => void)[] = [];
  /** As of the latest look. */
  #unsent = 0;
  /** When it is too slow, by `performance.now()`; while it is looked at. */
  #deadline: number | undefined;
  #ended = false;

  constructor(
    socket: OutboxSocket,
    { limits, slowClients, onTooSlow }: {
      limits: SlowLimits;
      slowClients: SlowClients;
      onTooSlow: () => void;
    },
  ) {
    this.#socket = socket;
    this.#limits = limits;
    this.#slowClients = slowClients;
    this.#onTooSlow = onTooSlow;
  }

  /** What the platform has not handed to the system yet, in bytes. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Whether so much is unsent that nothing more is to be queued, but replies under way. */
  get isBehind(): boolean {
    const isBehind = this.#socket.bufferedAmount > this.#limits.maxBufferedBytes;
    if (isBehind) this.#watch();
    return isBehind;
  }

  /** Whether so little is unsent that more of what was missed may follow. */
  get hasRoom(): boolean {
    return this.#socket.bufferedAmount < this.#limits.maxBufferedBytes / 2;
  }

  /** Queues a frame. */
  send(frame: string): void {
    if (this.#ended || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(frame);
    // It may have fallen behind with this one, and nothing else comes to ask whether it has.
    if (frame.length > LARGE_FRAME) void this.isBehind;
  }

  /** Calls back once, when there is room. */
  whenRoom(proceed: () => void): void {
    this.#waiting.push(proceed);
    this.#watch();
  }

  /** Sends nothing any more, and calls nobody back. */
  end(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#slowClients.remove(this);
  }

  /** Sees how far it has come; for {@linkcode SlowClients}. */
  look(now: number): void {
    const { maxBufferedBytes } = this.#limits;
    const unsent = this.#socket.bufferedAmount;
    const isBehind = unsent > maxBufferedBytes;
    const wasBehind = this.#unsent > maxBufferedBytes;
    // While it is behind it has to come to an end of that; else it is enough that it takes anything.
    if (isBehind ? !wasBehind : unsent < this.#unsent) {
      this.#deadline = this.#deadlineFor(unsent, now);
    }
    this.#unsent = unsent;

    if (this.hasRoom) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const proceed of waiting) proceed();
    }
    if (!isBehind && this.#waiting.length === 0) {
      this.#slowClients.remove(this);
      this.#deadline = undefined;
    } else if (this.#deadline !== undefined && now >= this.#deadline) {
      this.#onTooSlow();
    }
  }

  #watch(): void {
    if (this.#ended || this.#deadline !== undefined) return;
    this.#unsent = this.#socket.bufferedAmount;
    this.#deadline = this.#deadlineFor(this.#unsent, performance.now());
    this.#slowClients.add(this);
  }

  #deadlineFor(unsent: number, now: number): number {
    const { maxBufferedBytes, slowTimeoutMs } = this.#limits;
    return now + Math.max(1, Math.ceil(unsent / maxBufferedBytes)) * slowTimeoutMs;
  }
}

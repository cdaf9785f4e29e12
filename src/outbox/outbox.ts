/**
 * What a client has still to be sent: the end of both ways, and the place where a slow client is
 * noticed (SLOW1, SLOW2).
 */

/** Milliseconds between two looks at the sockets of slow clients. */
const LOOK_MS = 50;

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

/** What is used of a connection. */
export interface SlowClient {
  closeAsTooSlow(): void;
}

/** What all outboxes share. */
export interface OutboxOptions {
  readonly limits: SlowLimits;
  readonly slowClients: SlowClients;
}

/** Those of most clients, who wait for nothing. */
const NOBODY: readonly (() => void)[] = [];

/** What one client has still to be sent. */
export class Outbox {
  readonly #socket: OutboxSocket;
  readonly #client: SlowClient;
  readonly #options: OutboxOptions;
  /** Called as soon as it is not behind any more. */
  #onCaughtUp = NOBODY;
  /** Called as soon as there is room. */
  #onRoom = NOBODY;
  /** When it is too slow, by `performance.now()`; while it is behind. */
  #deadline: number | undefined;
  #isWatched = false;
  #ended = false;

  constructor(socket: OutboxSocket, client: SlowClient, options: OutboxOptions) {
    this.#socket = socket;
    this.#client = client;
    this.#options = options;
  }

  /** What the platform has not handed to the system yet, in bytes. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Whether so much is unsent that nothing more is to be queued, but replies under way. */
  get isBehind(): boolean {
    // It falls behind by sending, and is looked at from then on.
    return this.#isWatched && this.#socket.bufferedAmount > this.#options.limits.maxBufferedBytes;
  }

  /** Whether so little is unsent that more of what was missed may follow. */
  get hasRoom(): boolean {
    return this.#socket.bufferedAmount < this.#options.limits.maxBufferedBytes / 2;
  }

  /** Queues a frame. */
  send(frame: string): void {
    if (this.#ended || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(frame);
    if (!this.#isWatched && this.#socket.bufferedAmount > this.#options.limits.maxBufferedBytes) {
      this.#watch();
    }
  }

  /** Calls back once, when it is not behind any more. */
  whenCaughtUp(proceed: () => void): void {
    this.#onCaughtUp = [...this.#onCaughtUp, proceed];
    this.#watch();
  }

  /** Calls back once, when there is room. */
  whenRoom(proceed: () => void): void {
    this.#onRoom = [...this.#onRoom, proceed];
    this.#watch();
  }

  /** Sends nothing any more, and calls nobody back. */
  end(): void {
    this.#ended = true;
    this.#onCaughtUp = NOBODY;
    this.#onRoom = NOBODY;
    this.#options.slowClients.remove(this);
  }

  /** Sees how far it has come; for {@linkcode SlowClients}. */
  look(now: number): void {
    if (this.isBehind) {
      this.#deadline ??= this.#deadlineFrom(now);
      if (now >= this.#deadline) this.#client.closeAsTooSlow();
      return;
    }
    this.#deadline = undefined;
    const proceeding = [...this.#onCaughtUp];
    this.#onCaughtUp = NOBODY;
    if (this.hasRoom) {
      proceeding.push(...this.#onRoom);
      this.#onRoom = NOBODY;
    }
    for (const proceed of proceeding) proceed();

    const isWaiting = this.#onCaughtUp.length + this.#onRoom.length > 0;
    if (this.#ended || isWaiting || this.isBehind) return;
    this.#isWatched = false;
    this.#options.slowClients.remove(this);
  }

  #watch(): void {
    if (this.#ended || this.#isWatched) return;
    this.#isWatched = true;
    if (this.isBehind) this.#deadline = this.#deadlineFrom(performance.now());
    this.#options.slowClients.add(this);
  }

  #deadlineFrom(now: number): number {
    const { maxBufferedBytes, slowTimeoutMs } = this.#options.limits;
    return now + Math.ceil(this.unsentBytes / maxBufferedBytes) * slowTimeoutMs;
  }
}

/**
 * The frames that a client has still to be sent: replies and pushes pass here on their way to the socket.
 * Slow clients are noticed here (SLOW1, SLOW2).
 */

import { ListRoom } from "./list_room.ts";

/** Milliseconds between two checks of the slow clients' sockets. */
const CHECK_MS = 50;

/**
 * The most bytes that a UTF-16 unit of a frame takes: three of UTF-8, and in an event stream those of the
 * cursor once more, and of the lines around the frame.
 */
const MAX_UNIT_BYTES = 5;

/** The part of a socket that an outbox uses. */
export type OutboxSocket = Pick<WebSocket, "send" | "readyState" | "bufferedAmount">;

/** How slow a client may be. */
export interface SlowLimits {
  /** The most unsent bytes. With more, the client is behind. */
  readonly maxBufferedBytes: number;
  /** Milliseconds that a client has to catch up, for each `maxBufferedBytes` or part of it. */
  readonly slowTimeoutMs: number;
}

/** The outboxes of slow clients. One timer checks them all; it runs only while there are any. */
export class SlowClients {
  readonly #outboxes = new Set<Outbox>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** How many slow clients there are. */
  get size(): number {
    return this.#outboxes.size;
  }

  /** Checks an outbox regularly until it is removed. */
  add(outbox: Outbox): void {
    this.#outboxes.add(outbox);
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
  }

  remove(outbox: Outbox): void {
    this.#outboxes.delete(outbox);
    if (this.#outboxes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const now = performance.now();
    for (const outbox of [...this.#outboxes]) outbox.check(now);
  }
}

/** The part of a connection that an outbox uses. */
export interface SlowClient {
  closeAsTooSlow(): void;
}

/** What all outboxes of an instance share. */
export interface OutboxOptions {
  readonly limits: SlowLimits;
  readonly slowClients: SlowClients;
}

/** Shared by all outboxes without a callback, because most have none. */
const NO_CALLBACKS: readonly (() => void)[] = [];

/** The frames that one client has still to be sent. */
export class Outbox {
  readonly #socket: OutboxSocket;
  readonly #client: SlowClient;
  readonly #options: OutboxOptions;
  /** Room for the lists of the client. */
  readonly lists: ListRoom;
  #handedUnits = 0;
  /**
   * The client can't be behind before so many units were queued. To ask the socket after each frame would
   * take as long as to send it.
   */
  #looksAt = 0;
  /** Called once the client is no longer behind. */
  #onCaughtUp = NO_CALLBACKS;
  /** Called once there is room. */
  #onRoom = NO_CALLBACKS;
  /** When the client is too slow, by `performance.now()`; `undefined` while it is not behind. */
  #deadline: number | undefined;
  /** Whether {@linkcode SlowClients} checks it. */
  #isWatched = false;
  #ended = false;

  constructor(socket: OutboxSocket, client: SlowClient, options: OutboxOptions) {
    this.#socket = socket;
    this.#client = client;
    this.#options = options;
    this.lists = new ListRoom(this, options.limits.maxBufferedBytes);
  }

  /** How many bytes the operating system has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** How much was queued so far, in UTF-16 units. */
  get handedUnits(): number {
    return this.#handedUnits;
  }

  /** Whether too much is unsent to queue anything but replies under way. */
  get isBehind(): boolean {
    // An outbox can only fall behind by sending, and is watched from then on.
    return this.#isWatched && this.#socket.bufferedAmount > this.#options.limits.maxBufferedBytes;
  }

  /** Whether little enough is unsent to send more of what the client missed. */
  get hasRoom(): boolean {
    return this.#socket.bufferedAmount < this.#options.limits.maxBufferedBytes / 2;
  }

  /** Queues a frame. */
  send(frame: string): void {
    if (this.#ended || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(frame);
    this.#handedUnits += frame.length;
    if (this.#handedUnits > this.#looksAt && !this.#isWatched) this.#look();
  }

  /** Calls back once, as soon as the client is no longer behind. */
  whenCaughtUp(proceed: () => void): void {
    this.#onCaughtUp = [...this.#onCaughtUp, proceed];
    this.#watch();
  }

  /** Calls back once, as soon as there is room. */
  whenRoom(proceed: () => void): void {
    this.#onRoom = [...this.#onRoom, proceed];
    this.#watch();
  }

  /** Ends the outbox: it sends nothing and calls nobody back after this. */
  end(): void {
    this.#ended = true;
    this.#onCaughtUp = NO_CALLBACKS;
    this.#onRoom = NO_CALLBACKS;
    this.#options.slowClients.remove(this);
  }

  /**
   * Checks how much is unsent, and calls back or closes the client accordingly. {@linkcode SlowClients}
   * calls it.
   *
   * @param now By `performance.now()`
   */
  check(now: number): void {
    if (this.isBehind) {
      this.#deadline ??= this.#deadlineFrom(now);
      if (now >= this.#deadline) this.#client.closeAsTooSlow();
      return;
    }
    this.#deadline = undefined;
    const callbacks = [...this.#onCaughtUp];
    this.#onCaughtUp = NO_CALLBACKS;
    if (this.hasRoom) {
      callbacks.push(...this.#onRoom);
      this.#onRoom = NO_CALLBACKS;
    }
    for (const proceed of callbacks) proceed();

    const isWaiting = this.#onCaughtUp.length + this.#onRoom.length > 0;
    if (this.#ended || isWaiting || this.isBehind) return;
    this.#isWatched = false;
    this.#options.slowClients.remove(this);
  }

  /** Notices if the client is behind. */
  #look(): void {
    const left = this.#options.limits.maxBufferedBytes - this.unsentBytes;
    if (left < 0) this.#watch();
    else this.#looksAt = this.#handedUnits + left / MAX_UNIT_BYTES;
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

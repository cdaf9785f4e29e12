/**
 * Messages that become due for a client in one turn of the event loop, sent as one frame (BAT1): the
 * end of both ways, between the outbox and the sockets of clients that take such frames.
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { createTurns } from "../util/time_slice.ts";

/** Messages of a frame, at most, whichever way it goes (BAT2, BAT4). */
export const MAX_MESSAGES = 64;
/** Bytes of a frame with more than one message, at most (BAT2). */
const MAX_BYTES = 65_536;
/** What is used of a socket. */
type Socket = Pick<WebSocket, "send" | "close" | "readyState" | "bufferedAmount">;

/** What all sockets share to which something is due in the same turn. */
export class Batches {
  #sockets: BatchingSocket[] = [];
  #isFlushing = false;
  #empty = new Batch();

  /** With what a batch begins. */
  get empty(): Batch {
    return this.#empty;
  }

  /** A socket that keeps what it is to send until the end of the turn. */
  wrap(socket: Socket): Socket {
    return new BatchingSocket(socket, this);
  }

  /** Has the socket flushed at the end of the turn, after all that are to be flushed already. */
  add(socket: BatchingSocket): void {
    this.#sockets.push(socket);
    if (!this.#isFlushing) this.#flushAll();
  }

  async #flushAll(): Promise<void> {
    this.#isFlushing = true;
    while (this.#sockets.length > 0) {
      await setImmediate();
      const sockets = this.#sockets;
      this.#sockets = [];
      // What was sent in this turn is not kept.
      this.#empty = new Batch();
      const turn = createTurns();
      for (const socket of sockets) {
        const nextTurn = turn();
        if (nextTurn) await nextTurn;
        socket.flush();
      }
    }
    this.#isFlushing = false;
  }
}

/**
 * Messages in their order. Whoever is sent the same after the same gets the same object, so that the
 * text of a broadcast is made once.
 */
class Batch {
  readonly #message: string;
  /** All of them, with commas in between. */
  readonly #messages: string;
  readonly #count: number;
  /** Of its text as an array, in UTF-8. */
  readonly bytes: number;
  #next: Batch | null = null;
  #text: string | null = null;

  constructor(message = "", before: Batch | null = null) {
    this.#message = message;
    this.#messages = before && before.#count > 0 ? `${before.#messages},${message}` : message;
    this.#count = before ? before.#count + 1 : 0;
    // A bracket or comma for each message, and one bracket more.
    this.bytes = before ? before.bytes + 1 + Buffer.byteLength(message) : 1;
  }

  /** This and one message more. */
  with(message: string): Batch {
    if (this.#next && this.#next.#message === message) return this.#next;
    return this.#next = new Batch(message, this);
  }

  /** Whether it may be one frame. */
  get fits(): boolean {
    return this.#count === 1 || (this.#count <= MAX_MESSAGES && this.bytes <= MAX_BYTES);
  }

  /** The frame: the message, where it is only one, else an array. */
  get text(): string {
    return this.#text ??= this.#count === 1 ? this.#message : `[${this.#messages}]`;
  }
}

/** A socket to which messages go as {@linkcode Batches} has them. */
class BatchingSocket implements Socket {
  readonly #socket: Socket;
  readonly #batches: Batches;
  #due: Batch | null = null;

  constructor(socket: Socket, batches: Batches) {
    this.#socket = socket;
    this.#batches = batches;
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  /** What is due counts as unsent (BAT3). */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount + (this.#due?.bytes ?? 0);
  }

  send(message: string): void {
    if (!this.#due) this.#batches.add(this);
    const batch = (this.#due ?? this.#batches.empty).with(message);
    if (batch.fits) {
      this.#due = batch;
      return;
    }
    this.flush();
    this.#due = this.#batches.empty.with(message);
  }

  /** What is due goes out in front of the close frame. */
  close(code?: number, reason?: string): void {
    this.flush();
    this.#socket.close(code, reason);
  }

  /** Sends what is due, unless nobody is there any more. */
  flush(): void {
    const due = this.#due;
    this.#due = null;
    if (due && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(due.text);
  }
}

/**
 * Batching: the messages that a client is sent in one turn of the event loop go out as one frame (BAT1).
 * It stands between the outbox and the sockets of clients that understand such frames.
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { FRAME_COST, TimeSlice } from "../util/time_slice.ts";

/** The most messages of a frame, in both directions (BAT2, BAT4). */
export const MAX_MESSAGES = 64;
/** The most bytes of a frame that has more than one message (BAT2). */
const MAX_BYTES = 65_536;

/** The part of a socket that is used here. */
type Socket = Pick<WebSocket, "send" | "close" | "readyState" | "bufferedAmount">;

/** Flushes all batching sockets at the end of the turn in which they got messages. */
export class Batches {
  #sockets: BatchingSocket[] = [];
  #isFlushing = false;
  #empty = new Batch();
  readonly #slice = new TimeSlice();

  /** The batch that every socket begins with in this turn. */
  get empty(): Batch {
    return this.#empty;
  }

  /** Makes a socket that keeps its messages until the end of the turn. */
  wrap(socket: Socket): Socket {
    return new BatchingSocket(socket, this);
  }

  /** Flushes a socket at the end of this turn, after those that were added before. */
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
      // Batches of the next turn begin anew, so that those of this turn can be freed.
      this.#empty = new Batch();
      for (const socket of sockets) {
        const nextTurn = this.#slice.spend(FRAME_COST);
        if (nextTurn) await nextTurn;
        socket.flush();
      }
    }
    this.#isFlushing = false;
  }
}

/**
 * An immutable list of messages. Two clients that are sent the same messages in the same order share the
 * same object, so the text of a broadcast is made only once.
 */
class Batch {
  readonly #message: string;
  /** All messages, joined by commas. */
  readonly #messages: string;
  readonly #count: number;
  /** The size of the messages as a JSON array, in bytes of UTF-8. */
  readonly bytes: number;
  #next: Batch | null = null;
  #text: string | null = null;

  constructor(message = "", before: Batch | null = null) {
    this.#message = message;
    this.#messages = before && before.#count > 0 ? `${before.#messages},${message}` : message;
    this.#count = before ? before.#count + 1 : 0;
    // Each message has a bracket or a comma in front of it, and the array ends with a bracket.
    this.bytes = before ? before.bytes + 1 + Buffer.byteLength(message) : 1;
  }

  /** The batch that has one message more. */
  with(message: string): Batch {
    if (this.#next && this.#next.#message === message) return this.#next;
    return this.#next = new Batch(message, this);
  }

  /** Whether the messages may go out as one frame. */
  get fits(): boolean {
    return this.#count === 1 || (this.#count <= MAX_MESSAGES && this.bytes <= MAX_BYTES);
  }

  /** The frame: an array, or the message itself if there is only one. */
  get text(): string {
    return this.#text ??= this.#count === 1 ? this.#message : `[${this.#messages}]`;
  }
}

/** A socket that sends its messages in batches. */
class BatchingSocket implements Socket {
  readonly #socket: Socket;
  readonly #batches: Batches;
  /** The messages that were not sent yet; `null` if there are none. */
  #kept: Batch | null = null;

  constructor(socket: Socket, batches: Batches) {
    this.#socket = socket;
    this.#batches = batches;
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  /** The unsent bytes. Kept messages count as unsent (BAT3). */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount + (this.#kept?.bytes ?? 0);
  }

  send(message: string): void {
    if (!this.#kept) this.#batches.add(this);
    const batch = (this.#kept ?? this.#batches.empty).with(message);
    if (batch.fits) {
      this.#kept = batch;
      return;
    }
    this.flush();
    this.#kept = this.#batches.empty.with(message);
  }

  /** Closes the socket. The kept messages go out before the close frame. */
  close(code?: number, reason?: string): void {
    this.flush();
    this.#socket.close(code, reason);
  }

  /** Sends the kept messages, or drops them if the socket is no longer open. */
  flush(): void {
    const kept = this.#kept;
    this.#kept = null;
    if (kept && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(kept.text);
  }
}

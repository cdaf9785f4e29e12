/**
 * The socket of a client without a WebSocket. Its first reply is the HTTP answer; or, if the client asks
 * for an event stream and the reply subscribes, the first event of this stream (HTTP1, HTTP2).
 */
import type { Socket } from "../../connection/connection.ts";
import { CLOSE } from "../../protocol/close_codes.ts";
import type { Reply } from "../../protocol/frames.ts";
import { EventStream } from "./event_stream.ts";
import { closeEvent, COMMENT, type EventWriter } from "./events.ts";
import { problemResponse, replyResponse, tooLargeResponse } from "./reply_response.ts";

const STREAM_HEADERS = {
  // Without the charset, some clients take Latin-1.
  "content-type": "text/event-stream; charset=utf-8",
  // Neither the platform nor a proxy may compress it: both would wait for more.
  "cache-control": "no-store, no-transform",
  // nginx would wait for a full buffer.
  "x-accel-buffering": "no",
};

/** Takes the frames of one connection, and makes an HTTP answer of them. */
export class ResponseSocket implements Socket {
  /** The answer. Never rejects. */
  readonly response: Promise<Response>;
  readonly #respond: (response: Response) => void;
  readonly #events: EventWriter | null;
  /** The reply whose frame comes next, if it is the first one. */
  #reply: Reply | null = null;
  /** Frames that came before the first reply. They follow it in a stream. */
  readonly #early: string[] = [];
  #stream: EventStream | null = null;
  #isOpen = true;

  /** @param events Writes the events of a stream; `null` if the client asks for one reply only */
  constructor(events: EventWriter | null) {
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#respond = resolve;
    this.#events = events;
  }

  /** Whether the answer is an event stream. */
  get isStream(): boolean {
    return this.#stream !== null;
  }

  get readyState(): number {
    return this.#isOpen ? WebSocket.OPEN : WebSocket.CLOSED;
  }

  /** The unsent bytes of the stream. */
  get bufferedAmount(): number {
    return this.#stream?.unsentBytes ?? 0;
  }

  replying(reply: Reply): void {
    this.#reply ??= reply;
  }

  send(frame: string): void {
    if (this.#stream && this.#events) this.#stream.write(this.#events.write(frame));
    else if (this.#reply) this.#begin(this.#reply, frame);
    else this.#early.push(frame);
  }

  /** Sends a comment, unless something else is still to be sent. */
  comment(): void {
    if (this.bufferedAmount === 0) this.#stream?.write(COMMENT);
  }

  /** Answers the client, unless it has an answer already. */
  refuse(response: Response): void {
    this.#isOpen = false;
    this.#respond(response);
  }

  /** Forgets the client, which has gone. */
  abandon(): void {
    this.refuse(new Response(null));
    this.#stream?.end();
  }

  /** Ends the stream, after an event that says how a socket would be closed (HTTP4). */
  close(code: number): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (!this.#stream) return this.#respond(closeResponse(code));
    this.#stream.write(closeEvent(code));
    this.#stream.end();
  }

  #begin(reply: Reply, frame: string): void {
    const subscribes = reply.status === "ok" && reply.event !== undefined;
    if (!subscribes || !this.#events) {
      this.#isOpen = false;
      return this.#respond(replyResponse(reply, frame));
    }
    this.#stream = new EventStream();
    for (const next of [frame, ...this.#early]) this.#stream.write(this.#events.write(next));
    this.#respond(new Response(this.#stream.body, { headers: STREAM_HEADERS }));
  }
}

/** The answer in place of a close code, to a client that has none yet. */
function closeResponse(code: number): Response {
  switch (code) {
    case CLOSE.internalError.code:
      return problemResponse({ slug: "internal", message: "Internal error" });
    case CLOSE.messageTooBig.code:
      return tooLargeResponse();
    default:
      return problemResponse({ slug: "shutting-down", message: "The request was given up" });
  }
}

/**
 * The way over plain HTTP, for where no WebSocket comes through: a POST for each command, and an event
 * stream for each subscription (HTTP1 to HTTP4). It behaves as one line over a WebSocket does. If one
 * of its streams ends, all of it ends, and the next line resumes each subscription from its cursor.
 */
import { withResolvers } from "../promises.ts";
import { NOT_CLOSED, RESTART, TOKEN_REFUSED } from "./ends.ts";
import { EventReader, type StreamEvent } from "./event_reader.ts";
import type { Disconnection, Line, LineEvents, OpenLine } from "./line.ts";

/** Milliseconds without a byte after which a stream is dead: more than between two comments (HTTP4). */
const QUIET_MS = 40_000;
/**
 * Milliseconds that an answer may take, and then its body. A longer time means that nothing comes through:
 * the platform reads no streams, a proxy keeps them back, or a browser has no connection left for another
 * request.
 */
const ANSWER_MS = 30_000;
/** Milliseconds between two looks at that. */
const LOOK_MS = 5000;

/** By HTTP status, the replies to requests that something on the way does not let through. */
const REFUSED: Readonly<Record<number, string>> = Object.fromEntries(
  [400, 404, 405, 411, 413, 414, 415, 431].map((status) => {
    const error = {
      Slug: "invalid-options",
      Message: `Something on the way refused the request: HTTP ${status}`,
      Temporary: false,
    };
    return [
      status,
      JSON.stringify({ rid: -1, event: "", status: "error", payload: { error: [error] } }),
    ];
  }),
);

/** A request that was sent. */
interface Sent {
  readonly rid: number;
  /** Absent in a probe. */
  readonly command?: string;
  readonly options?: unknown;
}

/** An event stream, which serves one subscription. */
interface Stream {
  readonly abort: AbortController;
  /** The subscription's id. Two streams of the same subscription have different names here. */
  name?: string;
  /** When the last bytes came. `Date`, because other clocks may stand still while a device sleeps. */
  seenAt: number;
}

/** Opens lines over HTTP. */
export const httpLines: OpenLine = (url, token, events) => new HttpLine(url, token, events);

class HttpLine implements Line {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #events: LineEvents;
  readonly #abort = new AbortController();
  readonly #looking: ReturnType<typeof setInterval>;
  /** By whom they serve. */
  readonly #streams = new Map<object, Stream>();
  /** Those that are open or opening. */
  readonly #opened = new Set<Stream>();
  readonly #underWay = new Set<Promise<void>>();
  /** A command that all later ones wait for (REQ5). */
  #barrier: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(url: string, token: string | null, events: LineEvents) {
    const page = (globalThis as { location?: { readonly href: string } }).location;
    this.#url = new URL(url.replace(/^ws/i, "http"), page?.href).href;
    this.#headers = token === null ? {} : { authorization: token };
    this.#events = events;
    this.#looking = setInterval(
      () => this.isDead && this.#end("No bytes came for too long"),
      LOOK_MS,
    );
    this.#open();
  }

  get isDead(): boolean {
    const streams = [...this.#streams.values()];
    return streams.some(({ seenAt }) => Date.now() - seenAt > QUIET_MS);
  }

  send(text: string, owner?: object): void {
    const sent: Sent = JSON.parse(text);
    if (sent.command === undefined) return void this.#post(text, sent);
    if (sent.command === "subscription") return this.#unsubscribe(sent);
    const before = sent.command === "updateNotifications"
      ? Promise.all([...this.#underWay, this.#barrier])
      : this.#barrier;
    const done = before.then(() => owner ? this.#stream(sent, owner) : this.#post(text, sent));
    this.#underWay.add(done);
    done.then(() => this.#underWay.delete(done));
    if (sent.command === "updateNotifications") this.#barrier = done;
  }

  leave(): void {
    this.#isOver = true;
    clearInterval(this.#looking);
    this.#abort.abort();
    for (const { abort } of this.#opened) abort.abort();
  }

  /** Finds out whether the service takes requests of this client: it refuses one that is none. */
  async #open(): Promise<void> {
    const response = await this.#fetch(this.#url, postOf("{}"));
    const text = await this.#textOf(response);
    if (text === undefined) return;
    if (response?.status === 400) return this.#events.onOpen();
    this.#end(`HTTP ${response?.status}`, response?.status === 401 ? TOKEN_REFUSED : undefined);
  }

  async #post(text: string, { rid }: Sent): Promise<void> {
    await this.#answer(rid, await this.#fetch(this.#url, postOf(text)));
  }

  /** Passes the reply in an answer on. */
  async #answer(rid: number, response: Response | undefined): Promise<void> {
    const reply = await this.#textOf(response, REFUSED);
    if (reply === undefined) return;
    this.#reply(rid, reply);
    // The instance is about to end, and another one takes the next line.
    if (response?.status === 503 && reply.includes('"shutting-down"')) this.#end("", RESTART);
  }

  /** Passes a reply on. What was refused before it was read has no rid. */
  #reply(rid: number, reply: string): void {
    this.#events.onFrame(reply.replace(/^\{"rid":-?\d+/, `{"rid":${rid}`));
  }

  /** Subscribes. It resolves when the reply was passed on. */
  async #stream({ rid, command, options }: Sent, owner: object): Promise<void> {
    if (this.#isOver) return;
    const stream: Stream = { abort: new AbortController(), seenAt: Date.now() };
    this.#opened.add(stream);
    const { signal } = stream.abort;
    const query = new URLSearchParams({ command: `${command}`, options: JSON.stringify(options) });
    const url = `${this.#url}${this.#url.includes("?") ? "&" : "?"}${query}`;
    const response = await this.#fetch(url, { headers: { accept: "text/event-stream" }, signal });
    if (!response?.headers.get("content-type")?.startsWith("text/event-stream")) {
      await this.#answer(rid, response);
      return void this.#opened.delete(stream);
    }
    // Its later list takes the place of the earlier one.
    this.#streams.get(owner)?.abort.abort();
    this.#streams.set(owner, stream);
    const { promise: replied, resolve } = withResolvers<void>();
    const events = new EventReader((event) => {
      if (signal.aborted) return;
      if (event.type === "close") return this.#end("", codeOf(event));
      if (stream.name !== undefined) return this.#push(stream.name, event.data);
      stream.name = this.#nameFor(event.data);
      this.#reply(rid, renamed(event.data, stream.name));
      resolve();
    });
    this.#read(response, stream, events).finally(() => {
      resolve();
      this.#opened.delete(stream);
      if (this.#streams.get(owner) === stream) this.#streams.delete(owner);
    });
    await replied;
  }

  async #read({ body }: Response, stream: Stream, events: EventReader): Promise<void> {
    const decoder = new TextDecoder();
    let reason = "An event stream ended";
    try {
      const reader = body?.getReader();
      if (!reader) throw new TypeError("this platform reads no event streams");
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        stream.seenAt = Date.now();
        events.take(decoder.decode(value, { stream: true }));
      }
    } catch (error) {
      reason = String(error);
    }
    if (!stream.abort.signal.aborted) this.#end(reason);
  }

  /** Passes a push on. A place in the log is that of its own stream only: others may be behind. */
  #push(name: string, frame: string): void {
    const event = eventOf(frame);
    if (event !== "stream" && event !== "server") {
      return this.#events.onFrame(event === "authentication" ? frame : renamed(frame, name));
    }
    const { cursor, ...rest } = JSON.parse(frame);
    this.#events.onFrame(JSON.stringify(rest));
    if (cursor === undefined || this.#isOver) return;
    const live = { rid: -1, event: name, status: "live", payload: null, cursor };
    this.#events.onFrame(JSON.stringify(live));
  }

  #nameFor(reply: string): string {
    let name = eventOf(reply);
    const names = new Set([...this.#streams.values()].map(({ name }) => name));
    while (names.has(name)) name += "'";
    return name;
  }

  #unsubscribe({ rid, options }: Sent): void {
    const ids = (options as { ids?: unknown } | null)?.ids;
    for (const { name, abort } of this.#streams.values()) {
      if (Array.isArray(ids) && ids.includes(name)) abort.abort();
    }
    const reply = { rid, event: "subscription", status: "ok", payload: null };
    queueMicrotask(() => this.#isOver || this.#events.onFrame(JSON.stringify(reply)));
  }

  /** Fetches; if that fails, the line ends. */
  async #fetch(url: string, init: RequestInit): Promise<Response | undefined> {
    const headers = { ...this.#headers, ...init.headers as Record<string, string> };
    const { signal } = this.#abort;
    try {
      return await this.#inTime(fetch(url, { signal, ...init, headers }));
    } catch (error) {
      if (!init.signal?.aborted) this.#end(String(error));
    }
  }

  /** Waits for an answer, or for its body. If that takes too long, the line ends. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#end("No answer came for too long"), ANSWER_MS);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * The reply in an answer; `undefined` if the line has ended, also because this is none of the service.
   *
   * @param refused By status, what stands for an answer that is none of the service
   */
  async #textOf(
    response: Response | undefined,
    refused: Readonly<Record<number, string>> = {},
  ): Promise<string | undefined> {
    if (!response) return;
    const text = await this.#inTime(response.text()).catch(String);
    if (this.#isOver) return;
    if (text.startsWith('{"rid":')) return text;
    const { status } = response;
    if (!refused[status]) this.#end(`HTTP ${status}`);
    return refused[status];
  }

  #end(reason: string, code = NOT_CLOSED): void {
    if (this.#isOver) return;
    this.leave();
    this.#events.onEnd({ code, reason } satisfies Disconnection);
  }
}

function postOf(body: string): RequestInit {
  return { method: "POST", body, headers: { "content-type": "application/json" } };
}

function codeOf({ data }: StreamEvent): number {
  return Number(JSON.parse(data).code) || NOT_CLOSED;
}

/** What stands first in each frame of the service. */
const HEAD = /^(\{"rid":-?\d+,"event":")([^"]*)/;

function eventOf(frame: string): string {
  return HEAD.exec(frame)?.[2] ?? "";
}

/** The same frame for another subscription id. */
function renamed(frame: string, name: string): string {
  return frame.replace(HEAD, `$1${name}`);
}

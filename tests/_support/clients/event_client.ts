/** A client without a WebSocket: one POST, or an event stream. */
import { deadline, Queue } from "../queue.ts";
import type { Frame } from "./client.ts";

/** An event, as the HTML standard parses it. */
export interface StreamEvent {
  /** The field `event`; `message` without it. */
  name: string;
  data: string;
  /** The field `id` of this event itself. */
  id: string | undefined;
  /** The field `retry`, in milliseconds. */
  retry: number | undefined;
}

/** Takes the events out of the text of a stream, as far as it is complete. */
export function* parseEvents(text: string): Generator<StreamEvent> {
  for (const block of text.split("\n\n")) {
    const fields = block.split("\n").filter((line) => line !== "" && !line.startsWith(":"))
      .map((line) => /^(\w+): (.*)$/s.exec(line)?.slice(1) ?? [line, ""]);
    if (fields.length === 0) continue;
    const find = (name: string) => fields.find(([field]) => field === name)?.[1];
    const retry = find("retry");
    yield {
      name: find("event") ?? "message",
      data: fields.filter(([field]) => field === "data").map(([, value]) => value).join("\n"),
      id: find("id"),
      retry: retry === undefined ? undefined : Number(retry),
    };
  }
}

/** What a request without a WebSocket may say. */
export interface ExchangeInit {
  token?: string | undefined;
  headers?: Record<string, string>;
  lastEventId?: string | undefined;
}

function headersOf({ token, headers, lastEventId }: ExchangeInit): Record<string, string> {
  return {
    ...(token === undefined ? {} : { authorization: token }),
    ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    ...headers,
  };
}

/** Sends one request by POST, and gives the answer. Text is sent as it is, anything else as JSON. */
export async function post(url: string, request: unknown, init: ExchangeInit = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headersOf(init) },
    body: typeof request === "string" ? request : JSON.stringify(request),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, reply: JSON.parse(text) as Frame };
}

/** The URL of an event stream. */
export function streamUrl(endpoint: string, command: string, options: unknown): string {
  const query = new URLSearchParams({ command, options: JSON.stringify(options) });
  return `${endpoint}?${query}`;
}

export type EventClient = Awaited<ReturnType<typeof openStream>>;

/** Opens an event stream. What is no stream is read as one reply. */
export async function openStream(url: string, init: ExchangeInit = {}) {
  const abort = new AbortController();
  const response = await fetch(url, {
    headers: { accept: "text/event-stream", ...headersOf(init) },
    signal: abort.signal,
  });
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  const events = new Queue<StreamEvent>();
  let comments = 0;
  let lastId: string | undefined;

  const read = async () => {
    let text = "";
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      const end = text.lastIndexOf("\n\n");
      if (end < 0) continue;
      comments += text.slice(0, end + 2).split("\n").filter((line) => line.startsWith(":")).length;
      for (const event of parseEvents(text.slice(0, end))) events.push(event);
      text = text.slice(end + 2);
    }
  };
  const ended = isStream
    ? read().catch(() => {}).finally(() => events.end(new Error("The stream has ended")))
    : Promise.resolve();

  const client = {
    response,
    isStream,
    /** Resolves when the stream has ended. */
    ended,
    /** The reply, if the answer is no stream. */
    async reply(): Promise<Frame> {
      return await response.json();
    },
    /** The latest id, which a client sends as `Last-Event-ID`. */
    get lastId() {
      return lastId;
    },
    get comments() {
      return comments;
    },
    /** The next event of any kind. */
    async nextEvent(): Promise<StreamEvent> {
      const event = await deadline("an event", events.next());
      lastId = event.id ?? lastId;
      return event;
    },
    /** The next frame. */
    async next(): Promise<Frame> {
      const { name, data } = await client.nextEvent();
      if (name !== "message") throw new Error(`An event ${name}: ${data}`);
      return JSON.parse(data);
    },
    /** All that comes until the end. */
    async untilEnd(): Promise<StreamEvent[]> {
      await deadline("the end", ended);
      return events.takeAll();
    },
    close() {
      abort.abort();
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await response.body?.cancel().catch(() => {});
      await ended;
    },
  };
  return client;
}

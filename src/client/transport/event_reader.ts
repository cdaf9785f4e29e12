/**
 * Reads event streams, as the HTML standard describes `text/event-stream`. Ids are not kept: the frames
 * of the service have their cursors in them.
 */

/** What an event has. */
export interface StreamEvent {
  /** The `event` field; by default `message`. */
  readonly type: string;
  readonly data: string;
}

/** Takes the text of a stream in pieces. Its lines end with LF or CRLF. */
export class EventReader {
  readonly #onEvent: (event: StreamEvent) => void;
  /** What has come of the present line. */
  #line: string[] = [];
  #type = "message";
  #data: string[] = [];

  constructor(onEvent: (event: StreamEvent) => void) {
    this.#onEvent = onEvent;
  }

  take(text: string): void {
    const [first = "", ...others] = text.split("\n");
    this.#line.push(first);
    for (const other of others) {
      this.#takeLine(this.#line.join("").replace(/\r$/, ""));
      this.#line = [other];
    }
  }

  #takeLine(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    if (field === "event") this.#type = value;
  }

  #dispatch(): void {
    const [type, data] = [this.#type, this.#data];
    this.#type = "message";
    this.#data = [];
    if (data.length > 0) this.#onEvent({ type, data: data.join("\n") });
  }
}

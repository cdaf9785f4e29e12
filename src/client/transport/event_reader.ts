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

/** Takes the text of a stream in pieces. */
export class EventReader {
  readonly #onEvent: (event: StreamEvent) => void;
  #rest = "";
  #type = "message";
  #data: string[] = [];

  constructor(onEvent: (event: StreamEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Takes the next piece. Its last line may go on in the next one. */
  take(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#takeLine(line);
  }

  #takeLine(line: string): void {
    if (line === "") return this.#dispatch();
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
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

/**
 * The text of events, as the HTML standard describes it for `text/event-stream` (HTTP2, HTTP4).
 */
import { CLOSE } from "../../protocol/close_codes.ts";
import { cursorIn } from "../../protocol/frames.ts";

/** The most milliseconds until a client of an instance that ends connects again (HTTP4). */
const MAX_RETRY_MS = 1000;

const encoder = new TextEncoder();

/** A comment, which clients ignore. It shows that a quiet stream is not dead. */
export const COMMENT: Uint8Array = encoder.encode(":\n\n");

/** Writes frames as events. Of a broadcast, all streams share the same bytes. */
export class EventWriter {
  #frame = "";
  #event = new Uint8Array();

  /** The event of a frame. */
  write(frame: string): Uint8Array {
    if (frame !== this.#frame) {
      this.#event = encoder.encode(eventOf(frame));
      this.#frame = frame;
    }
    return this.#event;
  }
}

function eventOf(frame: string): string {
  const cursor = cursorIn(frame);
  const id = cursor === undefined ? "" : `id: ${cursor}\n`;
  // What a backend has answered may have line breaks between its tokens.
  return `${id}data: ${frame.replace(/\r\n|\r|\n/g, "\ndata: ")}\n\n`;
}

/** The last event of a stream, which says how a socket would be closed. */
export function closeEvent(code: number): Uint8Array {
  const retry = code === CLOSE.restart.code ? `retry: ${retryMs()}\n` : "";
  return encoder.encode(`${retry}event: close\ndata: {"code": ${code}}\n\n`);
}

/** Random, so that the clients of one instance do not all come at once. */
function retryMs(): number {
  return Math.floor(Math.random() * (MAX_RETRY_MS + 1));
}

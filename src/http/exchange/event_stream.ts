/**
 * The body of a response that is written as things happen.
 */
import { Fifo } from "../../util/fifo.ts";

/**
 * The most bytes that the platform is given at once. It takes each piece as a whole, whatever the client
 * reads, so that a large one would seem to be sent.
 */
const MAX_PIECE_BYTES = 65_536;

/**
 * A stream of bytes that knows how many of them are unsent. The platform asks for the next piece when it
 * has room for it: it keeps about half a MiB. Everything else waits here.
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #waiting = new Fifo<Uint8Array>();
  /** How much of the first one the platform has taken. */
  #takenBytes = 0;
  #unsentBytes = 0;
  /** Set while the platform asks for a piece and there is none. */
  #asking: ReadableStreamDefaultController<Uint8Array> | null = null;
  #state: "open" | "ending" | "ended" = "open";

  constructor() {
    this.body = new ReadableStream({
      pull: (controller) => this.#give(controller),
      cancel: () => this.#end(),
    }, { highWaterMark: 0 });
  }

  /** How many bytes the platform has not taken yet. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** Adds bytes, which must not change any more. */
  write(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#waiting.push(bytes);
    this.#unsentBytes += bytes.length;
    if (this.#asking) this.#give(this.#asking);
  }

  /** Ends the stream once everything has been taken. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    if (this.#asking) this.#give(this.#asking);
  }

  /** Gives the platform the next piece, or the end. */
  #give(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const bytes = this.#waiting.first;
    if (bytes) {
      const piece = bytes.subarray(this.#takenBytes, this.#takenBytes + MAX_PIECE_BYTES);
      this.#takenBytes += piece.length;
      this.#unsentBytes -= piece.length;
      if (this.#takenBytes === bytes.length) {
        this.#waiting.shift();
        this.#takenBytes = 0;
      }
      this.#asking = null;
      controller.enqueue(piece);
    } else if (this.#state === "ending") {
      this.#end();
      controller.close();
    } else {
      this.#asking = controller;
    }
  }

  #end(): void {
    this.#state = "ended";
    this.#asking = null;
    this.#unsentBytes = 0;
    while (this.#waiting.length > 0) this.#waiting.shift();
  }
}

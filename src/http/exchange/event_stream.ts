/**
 * The body of a response that is written as things happen.
 */

/**
 * The most bytes that the platform is given at once. It takes each piece as a whole, whatever the client
 * reads, so that a large one would seem to be sent.
 */
const MAX_PIECE_BYTES = 65_536;

/**
 * A stream of bytes that knows how many of them are unsent. The platform takes the next piece when it
 * has room for it: it keeps some 128 KiB. Everything else waits in the queue of the stream.
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor() {
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      // Never done, so that it is not called again: each call would cost half a µs for each push.
      pull: () => new Promise(() => {}),
      cancel: () => {
        this.#controller = null;
      },
    }, { highWaterMark: 0, size: ({ length }) => length });
  }

  /** How many bytes the platform has not taken yet. */
  get unsentBytes(): number {
    return -(this.#controller?.desiredSize ?? 0);
  }

  /** Adds bytes, which must not change any more. */
  write(bytes: Uint8Array): void {
    if (bytes.length <= MAX_PIECE_BYTES) return this.#controller?.enqueue(bytes);
    for (let at = 0; at < bytes.length; at += MAX_PIECE_BYTES) {
      this.#controller?.enqueue(bytes.subarray(at, at + MAX_PIECE_BYTES));
    }
  }

  /** Ends the stream once everything has been taken. */
  end(): void {
    this.#controller?.close();
    this.#controller = null;
  }
}

/**
 * Requests and their replies, over whatever socket there is.
 */
import { disconnected, errorOf, WssError } from "./error.ts";

/** A frame of the service. */
export interface Frame {
  readonly rid: number;
  readonly event: string;
  readonly status: string;
  readonly payload: unknown;
  readonly id?: string;
  readonly cursor?: string;
  readonly recovered?: boolean;
}

/** Requests that wait for a connection, at most. */
const MAX_QUEUED = 100;

interface Pending {
  readonly command: string;
  readonly options: unknown;
  /** Whether it may be asked again on another connection: it changes nothing. */
  readonly repeatable: boolean;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: WssError) => void;
}

/** How a request is made. */
export interface Asking {
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What was asked and is not answered yet. */
export class Requests {
  readonly #send: (text: string) => void;
  readonly #isOpen: () => boolean;
  /** In the order of their asking; sent are those that have a rid. */
  readonly #pending = new Map<Pending, number | null>();
  #rid = 0;
  #isClosed = false;

  constructor(options: { send: (text: string) => void; isOpen: () => boolean }) {
    this.#send = options.send;
    this.#isOpen = options.isOpen;
  }

  /**
   * Asks, at once or when there is a connection.
   *
   * @returns The reply, which is `ok`
   * @throws {WssError} The reply is anything else, or does not come
   */
  ask(
    command: string,
    options: unknown,
    { repeatable = false, signal }: Asking = {},
  ): Promise<Frame> {
    const { promise, resolve, reject } = withResolvers<Frame>();
    if (this.#isClosed) reject(closed());
    else if (signal?.aborted) reject(signal.reason);
    else if (!this.#isOpen() && this.#pending.size >= MAX_QUEUED) reject(overloaded());
    else {
      const abort = () => {
        this.#pending.delete(pending);
        reject(signal?.reason);
      };
      const settle = <T>(done: (value: T) => void) => (value: T) => {
        this.#pending.delete(pending);
        signal?.removeEventListener("abort", abort);
        done(value);
      };
      const pending: Pending = {
        command,
        options,
        repeatable,
        resolve: settle(resolve),
        reject: settle(reject),
      };
      signal?.addEventListener("abort", abort);
      this.#pending.set(pending, null);
      if (this.#isOpen()) this.#ask(pending);
    }
    return promise;
  }

  /** There is a connection: asks what waits. */
  opened(): void {
    for (const [pending, rid] of this.#pending) if (rid === null) this.#ask(pending);
  }

  /** The connection is gone. */
  lost(): void {
    for (const [pending, rid] of this.#pending) {
      if (rid === null) continue;
      if (pending.repeatable) this.#pending.set(pending, null);
      else pending.reject(disconnected());
    }
  }

  /** There will be no connection any more. */
  close(): void {
    this.#isClosed = true;
    for (const pending of this.#pending.keys()) pending.reject(closed());
  }

  /** Takes a reply. */
  answer(frame: Frame): void {
    for (const [pending, rid] of this.#pending) {
      if (rid !== frame.rid) continue;
      if (frame.status === "ok") pending.resolve(frame);
      else pending.reject(errorOf(frame.status, frame.payload));
      return;
    }
  }

  #ask(pending: Pending): void {
    const { command, options } = pending;
    this.#pending.set(pending, ++this.#rid);
    this.#send(JSON.stringify({ rid: this.#rid, command, options }));
  }
}

/** Promise.withResolvers, which Node 20 does not have. */
export function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((...functions) => [resolve, reject] = functions);
  return { promise, resolve, reject };
}

/** After the end. */
export function closed(): WssError {
  return new WssError({ slug: "closed", message: "The client is closed", temporary: false });
}

function overloaded(): WssError {
  return new WssError({
    slug: "overloaded",
    message: `More than ${MAX_QUEUED} requests wait for a connection`,
    temporary: true,
  });
}

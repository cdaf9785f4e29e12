/**
 * Requests and their replies, over whatever socket there is.
 */
import { disconnected, errorOf, WssError } from "./error.ts";
import type { Frame } from "./frame.ts";
import { withResolvers } from "./promises.ts";
import type { Commands } from "./types.ts";

/** Requests that wait for a connection, at most: as many as the service takes at once (LIM2). */
const MAX_QUEUED = 100;
/** Requests without a reply, at most; the service has no room for more (REQ5). */
const MAX_UNANSWERED = 256;

/** Bytes of a frame that the service takes, unless it is told otherwise (FRM2). */
const MAX_FRAME_BYTES = 64 * 1024;

interface Pending {
  readonly command: string;
  /** As JSON. */
  readonly options: string;
  readonly asking: Asking;
  readonly promise: Promise<Frame>;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: WssError) => void;
}

/** How a request is made. */
export interface Asking {
  /** Whether it may be asked again on another connection: it changes nothing. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called with the reply before any later frame is read, which a promise does not promise. */
  readonly take?: (reply: Frame) => void;
}

/** What was asked and is not answered yet. */
export class Requests {
  readonly #send: (text: string) => void;
  readonly #isOpen: () => boolean;
  /** In the order of their asking; sent are those that have a rid. */
  readonly #pending = new Map<Pending, number | null>();
  #rid = 0;
  #closed: WssError | undefined;

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
  ask<C extends keyof Commands>(
    command: C,
    options: Commands[C],
    asking: Asking = {},
  ): Promise<Frame> {
    const { signal } = asking;
    const { promise, resolve, reject } = withResolvers<Frame>();
    if (this.#closed) reject(this.#closed);
    else if (signal?.aborted) reject(signal.reason);
    else if (!this.#hasRoom) reject(overloaded(this.#pending.size));
    else {
      const abort = () => pending.reject(signal?.reason);
      const settle = <T>(done: (value: T) => void) => (value: T) => {
        this.#pending.delete(pending);
        signal?.removeEventListener("abort", abort);
        done(value);
      };
      const pending: Pending = {
        command,
        options: JSON.stringify(options ?? {}),
        asking,
        promise,
        resolve: settle(resolve),
        reject: settle(reject),
      };
      // The service would end the connection (FRM2).
      const frame = frameOf(Number.MAX_SAFE_INTEGER, pending);
      if (new TextEncoder().encode(frame).length > MAX_FRAME_BYTES) {
        reject(tooLarge());
        return promise;
      }
      signal?.addEventListener("abort", abort);
      this.#pending.set(pending, null);
      if (this.#isOpen()) this.#ask(pending);
    }
    return promise;
  }

  /** Sends what is answered at once, whatever else is under way: it is no command, but has a rid. */
  probe(): void {
    this.#send(`{"rid":${++this.#rid}}`);
  }

  /** There is a connection: asks what waits. */
  opened(): void {
    for (const [pending, rid] of this.#pending) if (rid === null) this.#ask(pending);
  }

  /** The connection is gone. */
  lost(): void {
    for (const [pending, rid] of this.#pending) {
      if (rid === null) continue;
      if (pending.asking.repeatable) this.#pending.set(pending, null);
      else pending.reject(disconnected());
    }
  }

  /** Resolves when what is under way is answered or lost, but for what is asked again. */
  settled(): Promise<unknown> {
    const underWay = [...this.#pending].filter(([{ asking }, rid]) =>
      rid !== null && !asking.repeatable
    );
    return Promise.allSettled(underWay.map(([{ promise }]) => promise));
  }

  /** There will be no connection any more. */
  close(error: WssError): void {
    this.#closed = error;
    for (const pending of this.#pending.keys()) pending.reject(error);
  }

  /** Takes a reply. */
  answer(reply: Frame): void {
    for (const [pending, rid] of this.#pending) {
      if (rid !== reply.rid) continue;
      if (reply.status !== "ok") return pending.reject(errorOf(reply.status, reply.payload));
      pending.asking.take?.(reply);
      return pending.resolve(reply);
    }
  }

  get #hasRoom(): boolean {
    return this.#pending.size < (this.#isOpen() ? MAX_UNANSWERED : MAX_QUEUED);
  }

  #ask(pending: Pending): void {
    this.#pending.set(pending, ++this.#rid);
    this.#send(frameOf(this.#rid, pending));
  }
}

function frameOf(rid: number, { command, options }: Pick<Pending, "command" | "options">): string {
  return `{"rid":${rid},"command":${JSON.stringify(command)},"options":${options}}`;
}

function tooLarge(): WssError {
  return new WssError({
    slug: "invalid-options",
    message: `The request has more than ${MAX_FRAME_BYTES} bytes`,
    temporary: false,
  });
}

function overloaded(size: number): WssError {
  return new WssError({
    slug: "overloaded",
    message: `Already ${size} requests wait for a connection or a reply`,
    temporary: true,
  });
}

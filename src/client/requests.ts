/**
 * Requests and their replies, over one socket after another.
 */
import { disconnected, errorOf, WssError } from "./error.ts";
import type { Frame } from "./frame.ts";
import { withResolvers } from "./promises.ts";
import type { Commands } from "./types.ts";

/** Requests that may wait for a connection: as many as the service takes at once (LIM2). */
const MAX_QUEUED = 100;
/** Requests that may wait for a reply: as many as the service lets wait (REQ5). */
const MAX_UNANSWERED = 256;

/** Bytes of a frame that every service takes (FRM2). */
const MIN_FRAME_BYTES = 4096;
/** Bytes of a frame that can't be split, as long as the service has not told its limit. */
const MAX_FRAME_BYTES = 64 * 1024;
/** Bytes of a frame beside its ids. */
const FRAME_BYTES = 200;

/** A command with its options. */
export type Request = { [C in keyof Commands]: { command: C; options: Commands[C] } }[
  keyof Commands
];

/** How to make a request. */
export interface RequestOptions {
  /** Whether it may be sent again on another connection, because it changes nothing. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Whom the subscription is for that the request makes. */
  readonly owner?: object;
  /** Called with the reply before any later frame is read, which a promise could not guarantee. */
  readonly take?: (reply: Frame) => void;
}

/** A request without a reply yet. */
interface Pending {
  readonly command: string;
  /** As JSON. */
  readonly options: string;
  readonly how: RequestOptions;
  readonly promise: Promise<Frame>;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: WssError) => void;
}

/** The requests of a client that have no reply yet. */
export class Requests {
  readonly #send: (text: string, owner?: object) => void;
  readonly #isOpen: () => boolean;
  /** In the order in which they were made, with their rids. A request that was not sent has none. */
  readonly #pending = new Map<Pending, number | null>();
  #rid = 0;
  #closed: WssError | undefined;
  /** Bytes of a frame, as the service has told (DEL8). */
  #limit: number | undefined;

  constructor(
    options: { send: (text: string, owner?: object) => void; isOpen: () => boolean },
  ) {
    this.#send = options.send;
    this.#isOpen = options.isOpen;
  }

  /**
   * Sends a request, at once or when there is a connection.
   *
   * @returns The reply, whose status is `ok`
   * @throws {WssError} The reply has another status, or does not come
   * @throws The signal's reason
   */
  ask({ command, options }: Request, how: RequestOptions = {}): Promise<Frame> {
    const { signal } = how;
    const { promise, resolve, reject } = withResolvers<Frame>();
    if (this.#closed) reject(this.#closed);
    else if (signal?.aborted) reject(signal.reason);
    else if (!this.#hasRoom) reject(overloaded(this.#pending.size));
    else {
      const abort = () => pending.reject(signal?.reason);
      const finish = <T>(done: (value: T) => void) => (value: T) => {
        this.#pending.delete(pending);
        signal?.removeEventListener("abort", abort);
        done(value);
      };
      const pending: Pending = {
        command,
        options: JSON.stringify(options ?? {}),
        how,
        promise,
        resolve: finish(resolve),
        reject: finish(reject),
      };
      // The service would end the connection (FRM2).
      const frame = frameOf(Number.MAX_SAFE_INTEGER, pending);
      const limit = this.#limit ?? MAX_FRAME_BYTES;
      if (bytesOf(frame) > limit) {
        reject(tooLarge(limit));
        return promise;
      }
      signal?.addEventListener("abort", abort);
      this.#pending.set(pending, null);
      if (this.#isOpen()) this.#sendPending(pending);
    }
    return promise;
  }

  /** Notes the largest frame that the service takes, in bytes. */
  limitFrames(bytes: number): void {
    this.#limit = bytes;
  }

  /** Splits ids into parts that fit into a frame each, by the limit that is known when a part is made. */
  *parts(ids: readonly string[]): Generator<readonly string[]> {
    let from = 0;
    do {
      const limit = (this.#limit ?? MIN_FRAME_BYTES) - FRAME_BYTES;
      let to = from;
      let bytes = 0;
      do bytes += bytesOf(JSON.stringify(ids[to])) + 1; while (bytes <= limit && ++to < ids.length);
      to = Math.max(to, from + 1);
      yield ids.slice(from, to);
      from = to;
    } while (from < ids.length);
  }

  /**
   * Sends a frame that the service answers at once, whatever is under way: it has a rid, but no
   * command.
   */
  probe(): void {
    this.#send(`{"rid":${++this.#rid}}`);
  }

  /** Sends the requests that wait for a connection. Call it when there is one. */
  opened(): void {
    for (const [pending, rid] of this.#pending) if (rid === null) this.#sendPending(pending);
  }

  /** Rejects the requests that were sent, unless they may be sent again. Call it when the socket is lost. */
  lost(): void {
    // Another instance may have another limit.
    this.#limit = undefined;
    for (const [pending, rid] of this.#pending) {
      if (rid === null) continue;
      if (pending.how.repeatable) this.#pending.set(pending, null);
      else pending.reject(disconnected());
    }
  }

  /**
   * Rejects the largest request that was sent, as the service has found one too large.
   *
   * @returns Whether there is one
   */
  rejectLargest(): boolean {
    const [largest] = [...this.#pending].filter(([, rid]) => rid !== null)
      .sort(([one], [other]) => bytesOf(other.options) - bytesOf(one.options));
    largest?.[0].reject(tooLarge(this.#limit));
    return largest !== undefined;
  }

  /**
   * Resolves when no request is under way that would be lost with the connection.
   *
   * @param options.withLists Whether lists of subscriptions count. They are asked for again on another line,
   * and over HTTP they may be what does not come through
   */
  settled({ withLists }: { withLists: boolean }): Promise<unknown> {
    const underWay = [...this.#pending].filter(([{ how }, rid]) =>
      rid !== null && !how.repeatable && (withLists || !how.owner)
    );
    return Promise.allSettled(underWay.map(([{ promise }]) => promise));
  }

  /** Rejects all requests, now and later. */
  close(error: WssError): void {
    this.#closed = error;
    for (const pending of this.#pending.keys()) pending.reject(error);
  }

  /** Takes requests again. */
  reopen(): void {
    this.#closed = undefined;
  }

  /** Takes a reply. */
  answer(reply: Frame): void {
    for (const [pending, rid] of this.#pending) {
      if (rid !== reply.rid) continue;
      if (reply.status !== "ok") return pending.reject(errorOf(reply.status, reply.payload));
      pending.how.take?.(reply);
      return pending.resolve(reply);
    }
  }

  get #hasRoom(): boolean {
    return this.#pending.size < (this.#isOpen() ? MAX_UNANSWERED : MAX_QUEUED);
  }

  #sendPending(pending: Pending): void {
    this.#pending.set(pending, ++this.#rid);
    this.#send(frameOf(this.#rid, pending), pending.how.owner);
  }
}

function frameOf(rid: number, { command, options }: Pick<Pending, "command" | "options">): string {
  return `{"rid":${rid},"command":${JSON.stringify(command)},"options":${options}}`;
}

function bytesOf(text = ""): number {
  return new TextEncoder().encode(text).length;
}

/** @param limit Bytes of a frame; `undefined` if it is not known */
function tooLarge(limit: number | undefined): WssError {
  return new WssError({
    slug: "invalid-options",
    message: limit === undefined
      ? "The request has more bytes than the service takes"
      : `The request has more than ${limit} bytes`,
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

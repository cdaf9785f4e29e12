/**
 * One subscription: keeps its cursor, resumes with it, and hands its changes to the reader.
 */
import { backoffMs } from "./backoff.ts";
import { WssError } from "./error.ts";
import type { Frame } from "./frame.ts";
import type { Change, Inbox } from "./inbox.ts";
import { withResolvers } from "./promises.ts";

/** Changes that wait for their reader, and the characters of their frames; with more a list takes their place. */
const MAX_WAITING = 1000;
const MAX_WAITING_SIZE = 4 * 1024 * 1024;

/** What a subscription uses of its client. */
export interface SubscriptionHost {
  readonly isOpen: boolean;
  /**
   * Asks for the list, from a cursor on where there is one.
   *
   * @param take Called with the reply, before any frame that follows it
   * @throws {WssError} There is no such reply
   */
  list(since: string | undefined, take: (reply: Frame) => void): Promise<unknown>;
  /** Connects again where there is another token by now; whether it does. */
  renew(): Promise<boolean>;
  /** It has ended; `id` is the subscription's, where it is known. */
  ended(id: string | undefined): void;
}

/** The changes of one subscription, over whatever connection there is. */
export class Subscription<List = unknown, Data = unknown> implements Inbox<List, Data> {
  readonly #host: SubscriptionHost;
  readonly #waiting: { readonly value: Change<List, Data>; readonly size: number }[] = [];
  #waitingSize = 0;
  readonly #readers: ReturnType<typeof withResolvers<IteratorResult<Change<List, Data>>>>[] = [];
  #id: string | undefined;
  /** Up to where it has been served; none where it needs a list. */
  #cursor: string | undefined;
  /** By partition, the highest offset that has come: what is not higher is a repeat (DEL4). */
  #offsets = new Map<string, number>();
  /** Whether its list is being asked for, on the connection that there is. */
  #isAsking = false;
  /** Whether the service serves it on the connection that there is. */
  #isServed = false;
  /** Whether too much was waiting, and its reader is to be given a list. */
  #isStale = false;
  /** Whether there was another token already since its list was refused. */
  #hasRenewed = false;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #end: { error: unknown } | null = null;

  constructor(host: SubscriptionHost) {
    this.#host = host;
  }

  get id(): string | undefined {
    return this.#id;
  }

  next(): Promise<IteratorResult<Change<List, Data>>> {
    const waiting = this.#waiting.shift();
    if (waiting) {
      this.#waitingSize -= waiting.size;
      return Promise.resolve({ value: waiting.value, done: false });
    }
    if (this.#end) return this.#ended();
    const reader = withResolvers<IteratorResult<Change<List, Data>>>();
    this.#readers.push(reader);
    if (this.#isStale) {
      this.#isStale = false;
      if (this.#host.isOpen) this.open();
    }
    return reader.promise;
  }

  return(): Promise<IteratorResult<Change<List, Data>>> {
    this.close();
    this.#clear();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  close(): void {
    this.end(null);
  }

  /** Ends it; its reader gets the error, if there is one, after what waits. */
  end(error: unknown): void {
    if (this.#end) return;
    this.#end = { error };
    clearTimeout(this.#timer);
    this.#host.ended(this.#id);
    for (const reader of this.#readers.splice(0)) this.#ended().then(reader.resolve, reader.reject);
  }

  /** Subscribes, on the connection that there is. */
  async open(): Promise<void> {
    if (this.#end || this.#isAsking || this.#isStale) return;
    clearTimeout(this.#timer);
    this.#isServed = false;
    this.#isAsking = true;
    try {
      await this.#host.list(this.#cursor, (reply) => this.#listed(reply));
    } catch (error) {
      this.#isAsking = false;
      await this.#failed(error);
    }
  }

  /** The connection is gone. */
  lost(): void {
    this.#isServed = false;
  }

  /** Takes a push. */
  pushed({ status, payload, id, cursor, size }: Frame): void {
    if (this.#end || this.#isStale) return;
    if (status === "resync") {
      this.#cursor = undefined;
      this.open();
      return;
    }
    if (id !== undefined && this.#isRepeated(id)) return;
    if (this.#isServed) this.#cursor = cursor ?? this.#cursor;
    if (status === "update") this.#put({ kind: "update", data: payload as Data }, size);
    if (status === "reload") this.#put({ kind: "reload", items: payload as List }, size);
  }

  /** A cursor that is for all subscriptions which are served (DEL8). */
  servedUpTo(cursor: string): void {
    if (this.#isServed) this.#cursor = cursor;
  }

  #listed({ event, payload, cursor, recovered, size }: Frame): void {
    this.#isAsking = false;
    if (this.#end) return this.#host.ended(event);
    this.#tries = 0;
    this.#hasRenewed = false;
    if (recovered && event === this.#id && this.#cursor !== undefined) {
      this.#isServed = true;
      return;
    }
    this.#cursor = undefined;
    if (recovered) {
      // What it goes on from is not what the reader has: it is another user's, or needs a list by now.
      this.open();
      return;
    }
    this.#id = event;
    this.#cursor = cursor;
    this.#isServed = true;
    this.#isStale = false;
    this.#offsets.clear();
    this.#put({ kind: "list", items: payload as List }, size);
  }

  async #failed(error: unknown): Promise<void> {
    // Without a connection it is asked again when there is one.
    if (this.#end || !this.#host.isOpen) return;
    if (!(error instanceof WssError)) return this.end(error);
    if (error.slug === "unauthorized" && !this.#hasRenewed) {
      this.#hasRenewed = true;
      if (await this.#host.renew()) return;
    }
    if (!error.temporary) return this.end(error);
    const afterMs = Math.max(error.retryAfterMs ?? 0, backoffMs(this.#tries++));
    this.#timer = setTimeout(() => this.#host.isOpen && this.open(), afterMs);
  }

  #isRepeated(id: string): boolean {
    const [partition = "", offset] = id.split("-");
    const isRepeated = Number(offset) <= (this.#offsets.get(partition) ?? -1);
    if (!isRepeated) this.#offsets.set(partition, Number(offset));
    return isRepeated;
  }

  #put(value: Change<List, Data>, size: number): void {
    const reader = this.#readers.shift();
    if (reader) return reader.resolve({ value, done: false });
    // A list has all that waits in front of it.
    if (value.kind !== "update") this.#clear();
    this.#waiting.push({ value, size });
    this.#waitingSize += size;
    const { length } = this.#waiting;
    if (length <= MAX_WAITING && (length === 1 || this.#waitingSize <= MAX_WAITING_SIZE)) return;
    this.#clear();
    this.#isStale = true;
    this.#isServed = false;
    this.#cursor = undefined;
  }

  #clear(): void {
    this.#waiting.length = 0;
    this.#waitingSize = 0;
  }

  #ended(): Promise<IteratorResult<Change<List, Data>>> {
    const error = this.#end?.error;
    return error ? Promise.reject(error) : Promise.resolve({ value: undefined, done: true });
  }
}

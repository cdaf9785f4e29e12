/**
 * One subscription: it keeps a cursor, resumes from it, and gives the changes to its reader.
 */
import { backoffMs } from "./backoff.ts";
import { WssError } from "./error.ts";
import type { Frame } from "./frame.ts";
import type { Change, Inbox } from "./inbox.ts";
import { withResolvers } from "./promises.ts";

/** Changes that may wait for their reader. If there are more, a list takes their place. */
const MAX_WAITING = 1000;
/** The same for the characters of their frames. */
const MAX_WAITING_SIZE = 4 * 1024 * 1024;

/** What a subscription needs of its client. */
export interface SubscriptionHost {
  readonly isOpen: boolean;
  /**
   * Asks for the list, or resumes from a cursor.
   *
   * @param take Called with the reply, before any frame that follows it
   * @throws {WssError} The request failed
   */
  list(since: string | undefined, take: (reply: Frame) => void): Promise<unknown>;
  /** Connects again if there is another token by now. Gives whether it does. */
  renew(): Promise<boolean>;
  /** Called when the subscription has ended, with its id if that is known. */
  ended(id: string | undefined): void;
}

/** The changes of one subscription, over one connection after another. */
export class Subscription<List = unknown, Data = unknown> implements Inbox<List, Data> {
  readonly #host: SubscriptionHost;
  readonly #waiting: { readonly value: Change<List, Data>; readonly size: number }[] = [];
  #waitingSize = 0;
  readonly #readers: ReturnType<typeof withResolvers<IteratorResult<Change<List, Data>>>>[] = [];
  #id: string | undefined;
  /** The place up to which it has been served; `undefined` if it needs a list. */
  #cursor: string | undefined;
  /** By partition, the highest offset that has come. A push that is not higher is a repeat (DEL4). */
  #offsets = new Map<string, number>();
  /** Whether its list is being asked for, on the present connection. */
  #isAsking = false;
  /** Whether the service serves it, on the present connection. */
  #isServed = false;
  /** Whether too many changes waited, so that its reader gets a list next. */
  #isStale = false;
  /** Whether it has asked for another token since its list was refused. */
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

  /** Ends it. The reader gets the changes that wait, and then the error, if there is one. */
  end(error: unknown): void {
    if (this.#end) return;
    this.#end = { error };
    clearTimeout(this.#timer);
    this.#host.ended(this.#id);
    for (const reader of this.#readers.splice(0)) this.#ended().then(reader.resolve, reader.reject);
  }

  /** Subscribes, on the present connection. */
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

  /** Notes that the connection is gone. */
  lost(): void {
    this.#isServed = false;
  }

  /** Takes a push. */
  pushed({ status, payload, id, cursor, size }: Frame): void {
    if (this.#end || this.#isStale) return;
    if (status === "resync") {
      this.#cursor = undefined;
      // Each subscription gets its own resync. The ids may be those of other records now (DEL13).
      this.#offsets.clear();
      this.open();
      return;
    }
    if (id !== undefined && this.#isRepeated(id)) return;
    if (this.#isServed) this.#cursor = cursor ?? this.#cursor;
    if (status === "update") this.#put({ kind: "update", data: payload as Data }, size);
    if (status === "reload") this.#put({ kind: "reload", items: payload as List }, size);
  }

  /** Takes a cursor that is for all subscriptions of the session (DEL8). */
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
      // The service goes on from a place that the reader does not have: the user is another one, or
      // the subscription has come to need a list. Without a cursor, the service answers a list.
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
    if (this.#end) return;
    if (!(error instanceof WssError)) return this.end(error);
    // Without a connection, the client calls open() when there is one. Another one would not help if the
    // request is too large.
    if (!this.#host.isOpen) return error.slug === "invalid-options" ? this.end(error) : undefined;
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
    // A list replaces all changes before it.
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

/**
 * One subscription, as its reader sees it: a list, and what comes after.
 */
import { backoffMs } from "./backoff.ts";
import type { WssError } from "./error.ts";
import { type Frame, withResolvers } from "./requests.ts";

/** What happened to what one is subscribed to. `List` is what the backend answers as a list. */
export type Change<List = unknown, Data = unknown> =
  /** All of it, as of now: at the start, and where something was missed that can't be had any more. */
  | { readonly kind: "list"; readonly items: List }
  /** Something new. */
  | { readonly kind: "update"; readonly data: Data }
  /** All of it, for the service was told that it has changed. */
  | { readonly kind: "reload"; readonly items: List };

/** Changes that wait for their reader; with more a new list takes their place. */
const MAX_WAITING = 1000;

/** What an inbox uses of its client. */
export interface InboxHost {
  readonly isOpen: boolean;
  /** Asks for the list, from a cursor on where there is one. */
  list(since: string | undefined): Promise<Frame>;
  /** Logs in again, as the service says that nobody is; whether somebody is now. */
  logIn(): Promise<boolean>;
  /** It has ended; `id` is that of the subscription, where it is known. */
  ended(id: string | undefined): void;
}

/** Changes, in their order. For one reader; ending the loop ends the subscription. */
export class Inbox<List = unknown, Data = unknown>
  implements AsyncIterableIterator<Change<List, Data>> {
  readonly #host: InboxHost;
  readonly #waiting: Change<List, Data>[] = [];
  readonly #readers: ReturnType<typeof withResolvers<IteratorResult<Change<List, Data>>>>[] = [];
  #id: string | undefined;
  /** Up to where it has been served. */
  #cursor: string | undefined;
  /** By partition, the highest offset that has come: what is not higher is a repeat (DEL4). */
  #offsets = new Map<string, number>();
  /** Whether its list is being asked for, on the connection that there is. */
  #isAsking = false;
  /** Whether the service serves it on the connection that there is. */
  #isServed = false;
  /** Whether too much was waiting, and its reader is to be given a list. */
  #isStale = false;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #end: { error: WssError | null } | null = null;

  constructor(host: InboxHost) {
    this.#host = host;
  }

  /** The subscription's id, once it is known. */
  get id(): string | undefined {
    return this.#id;
  }

  next(): Promise<IteratorResult<Change<List, Data>>> {
    const value = this.#waiting.shift();
    if (value) return Promise.resolve({ value, done: false });
    if (this.#end) return this.#ended();
    const reader = withResolvers<IteratorResult<Change<List, Data>>>();
    this.#readers.push(reader);
    if (this.#isStale) this.#restart();
    return reader.promise;
  }

  return(): Promise<IteratorResult<Change<List, Data>>> {
    this.close();
    this.#waiting.length = 0;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the subscription; what waits can still be read. */
  close(error: WssError | null = null): void {
    if (this.#end) return;
    this.#end = { error };
    clearTimeout(this.#timer);
    this.#host.ended(this.#id);
    for (const reader of this.#readers.splice(0)) this.#ended().then(reader.resolve, reader.reject);
  }

  /** There is a connection, on which it is not subscribed yet. */
  async opened(): Promise<void> {
    if (this.#end || this.#isAsking || this.#isStale) return;
    clearTimeout(this.#timer);
    this.#isAsking = true;
    try {
      this.#listed(await this.#host.list(this.#cursor));
    } catch (error) {
      this.#isAsking = false;
      await this.#failed(error as WssError);
    }
  }

  /** The connection is gone, or its session has lost its subscriptions. */
  lost(): void {
    this.#isServed = false;
  }

  /** Takes a push. */
  pushed({ status, payload, id, cursor }: Frame): void {
    if (this.#end || this.#isStale) return;
    if (status === "resync") {
      this.#cursor = undefined;
      this.#isServed = false;
      this.opened();
      return;
    }
    if (id !== undefined && this.#isRepeated(id)) return;
    if (cursor !== undefined) this.#cursor = cursor;
    if (status === "update") this.#put({ kind: "update", data: payload as Data });
    if (status === "reload") this.#put({ kind: "reload", items: payload as List });
  }

  /** A cursor that is for all subscriptions which are served (DEL8). */
  servedUpTo(cursor: string): void {
    if (this.#isServed && !this.#isStale) this.#cursor = cursor;
  }

  #listed({ event, payload, cursor, recovered }: Frame): void {
    this.#isAsking = false;
    if (this.#end) return;
    this.#id = event;
    this.#tries = 0;
    this.#isServed = true;
    if (recovered) return;
    this.#cursor = cursor;
    this.#offsets.clear();
    this.#put({ kind: "list", items: payload as List });
  }

  async #failed(error: WssError): Promise<void> {
    // Without a connection it is asked again when there is one.
    if (this.#end || !this.#host.isOpen) return;
    if (error.slug === "unauthorized" && await this.#host.logIn().catch(() => false)) {
      return this.opened();
    }
    if (!error.temporary) return this.close(error);
    const afterMs = Math.max(error.retryAfterMs ?? 0, backoffMs(this.#tries++));
    this.#timer = setTimeout(() => this.#host.isOpen && this.opened(), afterMs);
  }

  #isRepeated(id: string): boolean {
    const [partition = "", offset] = id.split("-");
    const isRepeated = Number(offset) <= (this.#offsets.get(partition) ?? -1);
    if (!isRepeated) this.#offsets.set(partition, Number(offset));
    return isRepeated;
  }

  #put(value: Change<List, Data>): void {
    const reader = this.#readers.shift();
    if (reader) return reader.resolve({ value, done: false });
    // A list has all that waits in front of it.
    if (value.kind !== "update") this.#waiting.length = 0;
    this.#waiting.push(value);
    if (this.#waiting.length <= MAX_WAITING) return;
    this.#waiting.length = 0;
    this.#isStale = true;
  }

  /** Its reader is there again, and is given a list in place of all that it has not read. */
  #restart(): void {
    this.#isStale = false;
    this.#cursor = undefined;
    if (this.#host.isOpen) this.opened();
  }

  #ended(): Promise<IteratorResult<Change<List, Data>>> {
    const error = this.#end?.error;
    return error ? Promise.reject(error) : Promise.resolve({ value: undefined, done: true });
  }
}

/**
 * What a loop of the client has brought so far, as React wants it: a value that is another object after
 * each change, and a function to follow it.
 */
import type { Connection } from "./connection.ts";

/** A loop of the client. */
export interface Loop<Change> extends AsyncIterable<Change> {
  close(): void;
}

/** The value at one time. */
export interface Snapshot<Value> {
  /** `undefined` before the first change. */
  readonly value: Value | undefined;
  /** Why the loop has ended. It begins again with the next connection. */
  readonly error: unknown;
}

/** The same object always, because a server and the first rendering in a browser have to agree. */
const EMPTY: Snapshot<never> = { value: undefined, error: null };

/** Follows a loop for as long as a component is on the screen. */
export class Store<Value, Change> {
  readonly #connection: Connection | null;
  readonly #open: (connection: Connection) => Loop<Change>;
  readonly #apply: (value: Value | undefined, change: Change) => Value | undefined;
  readonly #listeners = new Set<() => void>();
  /** The latest value. It becomes the snapshot in a turn of the event loop of its own. */
  #latest: Snapshot<Value> = EMPTY;
  #shown: Snapshot<Value> = EMPTY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #loop: Loop<Change> | undefined;
  #unfollow: (() => void) | undefined;

  constructor(connection: Connection | null, { open, apply }: {
    readonly open: (connection: Connection) => Loop<Change>;
    readonly apply: (value: Value | undefined, change: Change) => Value | undefined;
  }) {
    this.#connection = connection;
    this.#open = open;
    this.#apply = apply;
  }

  get value(): Value | undefined {
    return this.#latest.value;
  }

  set(value: Value | undefined): void {
    this.#set({ value, error: null });
  }

  readonly snapshot = (): Snapshot<Value> => this.#shown;

  readonly subscribe = (listener: () => void): () => void => {
    this.#listeners.add(listener);
    this.#start();
    return () => {
      this.#listeners.delete(listener);
      // Later, because StrictMode subscribes again at once.
      queueMicrotask(() => this.#listeners.size === 0 && this.#stop());
    };
  };

  #start(): void {
    const connection = this.#connection;
    if (!connection || this.#unfollow) return;
    this.#unfollow = connection.subscribe(() => {
      if (connection.wss.state.state === "open") this.#follow(connection);
    });
    this.#follow(connection);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#loop?.close();
    this.#loop = undefined;
  }

  /** Begins the loop, if none is under way. */
  async #follow(connection: Connection): Promise<void> {
    if (this.#loop) return;
    const loop = this.#loop = this.#open(connection);
    try {
      for await (const change of loop) {
        if (this.#loop !== loop) return;
        this.set(this.#apply(this.value, change));
      }
    } catch (error) {
      if (this.#loop !== loop) return;
      loop.close();
      this.#loop = undefined;
      this.#set({ value: undefined, error });
    }
  }

  /** Changes that come together are shown together. */
  #set(latest: Snapshot<Value>): void {
    this.#latest = latest;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#shown = this.#latest;
      for (const listener of this.#listeners) listener();
    });
  }
}

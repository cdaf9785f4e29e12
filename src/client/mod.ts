/**
 * The client of wss, for browsers, Deno and Node: keeps a connection, resumes what was missed, and
 * says what is new. It has no dependencies.
 *
 * ```ts ignore
 * const wss = connect("wss://example.com/web", { token: () => session.token });
 * for await (const change of wss.notifications({ types: ["message"] })) show(change);
 * ```
 *
 * @module
 */
import { backoffMs } from "./backoff.ts";
import { closed, WssError } from "./error.ts";
import { type Frame, readFrames } from "./frame.ts";
import type { Inbox } from "./inbox.ts";
import { Line, type State } from "./reconnecting_socket.ts";
import { type Asking, Requests } from "./requests.ts";
import { unlessAborted } from "./promises.ts";
import { Subscription } from "./subscription.ts";
import type { TokenSource } from "./token.ts";
import type { Commands, NotificationStatus, ScheduleWhere } from "./types.ts";

export { WssError };
export type { WssErrorInit } from "./error.ts";
export type { Change, Inbox } from "./inbox.ts";
export type { Disconnection, State } from "./reconnecting_socket.ts";
export type { TokenSource } from "./token.ts";
export type { NotificationStatus, ScheduleWhere } from "./types.ts";

/** How to connect. */
export interface ConnectOptions {
  /** Asked before each connection, and when the service says that nobody is logged in. */
  readonly token?: TokenSource | undefined;
  /** Closes the client when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each change of {@linkcode Wss.state}. */
  readonly onState?: ((state: State) => void) | undefined;
  /**
   * Told of each frame, such as to show what goes over the wire: the JSON of a message, or of an
   * array of them.
   */
  readonly onFrame?: ((direction: "in" | "out", text: string) => void) | undefined;
}

/** What calls may be given. */
export interface CallOptions {
  /** Where it is aborted the call rejects with its reason; the service may have done it by then. */
  readonly signal?: AbortSignal | undefined;
}

/** A connection to the service, for as long as it is wanted; made by {@linkcode connect}. */
export interface Wss {
  readonly state: State;
  /** Subscribes to the user's notifications: of these types, of all where there are none. */
  notifications<List = unknown, Data = unknown>(
    options?: {
      readonly types?: readonly string[] | undefined;
      readonly limit?: number | undefined;
      readonly sort?: string | undefined;
    },
  ): Inbox<List, Data>;
  /** Subscribes to a part of the schedule. */
  schedules<List = unknown, Data = unknown>(where: ScheduleWhere): Inbox<List, Data>;
  /**
   * Counts the user's notifications: of these types, of all where there are none.
   *
   * @throws {WssError} It can't be done
   */
  count(
    options: CallOptions & {
      readonly types?: readonly string[] | undefined;
      readonly status: NotificationStatus;
    },
  ): Promise<{ total: number }>;
  /**
   * Marks notifications, all where no ids are given. It is asked once: where the line breaks before
   * the reply, which is `disconnected`, it may have been done; what waits for a
   * connection is done for whoever is logged in then. More ids than go into a frame of 64 KiB
   * are refused as `invalid-options`.
   *
   * @throws {WssError} It can't be done
   */
  markAs(status: NotificationStatus, ids?: readonly string[], options?: CallOptions): Promise<void>;
  /**
   * Fetches a tournament.
   *
   * @throws {WssError} It can't be done
   */
  tournament<T = unknown>(id: string | number, options?: CallOptions): Promise<T>;
  /**
   * Sends any command, as it is; gives the reply's payload. What it subscribes to is not resumed, and
   * its pushes are only seen by {@linkcode ConnectOptions.onFrame}; a login by it ends what is
   * subscribed to, for which {@linkcode ConnectOptions.token} is there.
   *
   * @throws {WssError} It can't be done
   */
  request(command: string, options: unknown, callOptions?: CallOptions): Promise<unknown>;
  /** Ends the connection and all subscriptions; what is under way rejects with `closed`. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Connects, and goes on connecting until it is closed. */
export function connect(url: string | URL, options: ConnectOptions = {}): Wss {
  const { token = () => null, signal, onState, onFrame } = options;
  const subscriptions = new Set<Subscription>();

  const requests = new Requests({
    isOpen: () => line.takesRequests,
    send(text) {
      if (onFrame) queueMicrotask(() => onFrame("out", text));
      line.send(text);
    },
  });
  const line: Line = new Line({
    url: String(url),
    token,
    onState(state) {
      if (state.state === "closed") end(state);
      // Not from within: what is called may throw, or call this.
      if (onState) queueMicrotask(() => onState(state));
    },
    onOpen() {
      for (const subscription of subscriptions) subscription.open();
      requests.opened();
    },
    onFrame(text) {
      if (onFrame) queueMicrotask(() => onFrame("in", text));
      for (const frame of readFrames(text)) {
        if (frame.rid > 0) requests.answer(frame);
        else pushed(frame);
      }
    },
    onLost() {
      requests.lost();
      for (const subscription of subscriptions) subscription.lost();
    },
    settled: () => requests.settled(),
    probe: () => requests.probe(),
  });
  signal?.addEventListener("abort", close);
  if (signal?.aborted) close();

  function pushed(frame: Frame): void {
    const { event, status, payload, cursor } = frame;
    if (event === "authentication") line.reconnect("Nobody is logged in any more");
    if (event === "stream") line.setDegraded(status === "degraded");
    if (event === "server") {
      line.expectEnd(Number((payload as { afterMs?: unknown })?.afterMs) || 0);
    }
    if (cursor !== undefined && (event === "stream" || event === "server")) {
      for (const subscription of subscriptions) subscription.servedUpTo(cursor);
    }
    for (const subscription of subscriptions) {
      if (subscription.id === event) subscription.pushed(frame);
    }
  }

  /** Asks, and where nobody is logged in once more, with what token there is by now. */
  async function call<C extends keyof Commands>(
    command: C,
    options: Commands[C],
    asking: Asking,
  ): Promise<unknown> {
    const ask = () => requests.ask(command, options, asking);
    try {
      return (await ask()).payload;
    } catch (error) {
      const isRefused = error instanceof WssError && error.slug === "unauthorized";
      if (!isRefused || !await unlessAborted(line.renew(), asking.signal)) throw error;
      return (await ask()).payload;
    }
  }

  /** Ends a subscription that nobody here has any more, however often it has to be asked. */
  function leave(id: string, tries = 0): void {
    const isShared = [...subscriptions].some((other) => other.id === id);
    if (isShared || !line.isOpen) return;
    requests.ask("subscription", { ids: [id], action: "unsubscribe" }).then(() => {
      // One that has asked for the same before this, and did not know its id yet.
      for (const other of subscriptions) if (other.id === id) other.open();
    }, (error) => {
      if (!(error instanceof WssError) || !error.temporary) return;
      const afterMs = Math.max(error.retryAfterMs ?? 0, backoffMs(tries));
      setTimeout(() => leave(id, tries + 1), afterMs);
    });
  }

  function subscribe<C extends "getMyNotifications" | "getSchedules", List, Data>(
    command: C,
    options: Commands[C],
  ): Inbox<List, Data> {
    const subscription = new Subscription<List, Data>({
      get isOpen() {
        return line.isOpen;
      },
      list: (since, take) => requests.ask(command, { ...options, since }, { take }),
      renew: () => line.renew(),
      ended(id) {
        subscriptions.delete(subscription as Subscription);
        if (id !== undefined) leave(id);
      },
    });
    if (line.state.state === "closed") {
      subscription.end(closed(line.state.last));
      return subscription;
    }
    subscriptions.add(subscription as Subscription);
    if (line.isOpen) subscription.open();
    return subscription;
  }

  function end({ last }: State): void {
    signal?.removeEventListener("abort", close);
    const error = closed(last);
    requests.close(error);
    // Who closes it himself has no error in his loops.
    for (const subscription of subscriptions) subscription.end(last?.code === 1000 ? null : error);
  }

  function close(): void {
    line.close();
  }

  return {
    get state() {
      return line.state;
    },
    notifications({ types = [], limit, sort } = {}) {
      return subscribe("getMyNotifications", { where: { types }, params: { limit, sort } });
    },
    schedules: (where) => subscribe("getSchedules", { where }),
    async count({ types = [], status, signal }) {
      const options = { where: { types }, status };
      const asking = { repeatable: true, signal };
      return await call("getMyNotificationsCount", options, asking) as { total: number };
    },
    async markAs(status, ids = [], { signal } = {}) {
      await call("updateNotifications", { where: { notifications: ids }, status }, { signal });
    },
    async tournament<T>(id: string | number, { signal }: CallOptions = {}) {
      return await call("getTournament", { where: { id } }, { repeatable: true, signal }) as T;
    },
    request: (command, options, { signal } = {}) =>
      call(command as keyof Commands, options as Commands[keyof Commands], { signal }),
    close,
    [Symbol.dispose]: close,
  };
}

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
import { type Change, Inbox } from "./inbox.ts";
import { Line, type State, type TokenSource } from "./line.ts";
import { type Asking, type Frame, Requests } from "./requests.ts";
import type { NotificationStatus, ScheduleWhere } from "./types.ts";
import { WssError } from "./error.ts";

export {
  type Change,
  type Inbox,
  type NotificationStatus,
  type ScheduleWhere,
  type State,
  WssError,
};
export type { Disconnection, TokenSource } from "./line.ts";

/** How to connect. */
export interface ConnectOptions {
  /** Asked before each connection, and when the service says that nobody is logged in. */
  readonly token?: TokenSource;
  /** Closes the client when it is aborted. */
  readonly signal?: AbortSignal;
  /** Told of each change of {@linkcode Wss.state}. */
  readonly onState?: (state: State) => void;
  /** Told of each frame, such as to show what goes over the wire. */
  readonly onFrame?: (direction: "in" | "out", text: string) => void;
}

/** What calls may be given. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** A connection to the service, for as long as it is wanted; made by {@linkcode connect}. */
export interface Wss {
  readonly state: State;
  /** Subscribes to the user's notifications: of these types, of all where there are none. */
  notifications<List = unknown, Data = unknown>(
    options?: { types?: readonly string[]; limit?: number; sort?: string },
  ): Inbox<List, Data>;
  /** Subscribes to a part of the schedule. */
  schedules<List = unknown, Data = unknown>(where: ScheduleWhere): Inbox<List, Data>;
  /** Counts the user's notifications. */
  count(
    options: CallOptions & { types?: readonly string[]; status: NotificationStatus },
  ): Promise<{ total: number }>;
  /** Marks notifications, all where no ids are given. */
  markAs(status: NotificationStatus, ids?: readonly string[], options?: CallOptions): Promise<void>;
  /** Fetches a tournament. */
  tournament<T = unknown>(id: string, options?: CallOptions): Promise<T>;
  /**
   * Sends any command, as it is; gives the reply's payload. What it subscribes to is not resumed, and
   * its pushes are only seen by {@linkcode ConnectOptions.onFrame}.
   */
  request(command: string, options: unknown, callOptions?: CallOptions): Promise<unknown>;
  /** Ends the connection and all subscriptions; what is under way rejects with `closed`. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Connects, and goes on connecting until it is closed. */
export function connect(url: string | URL, options: ConnectOptions = {}): Wss {
  const { token = () => null, signal, onState, onFrame } = options;
  const inboxes = new Set<Inbox>();
  let loggingIn: Promise<boolean> | undefined;

  const requests = new Requests({
    isOpen: () => line.isOpen,
    send(text) {
      onFrame?.("out", text);
      line.send(text);
    },
  });
  const line = new Line({
    url: String(url),
    token,
    onState(state) {
      if (state.state === "closed") end();
      onState?.(state);
    },
    onOpen() {
      for (const inbox of inboxes) inbox.opened();
      requests.opened();
    },
    onFrame(text) {
      onFrame?.("in", text);
      const frame: Frame = JSON.parse(text);
      if (frame.rid > 0) requests.answer(frame);
      else pushed(frame);
    },
    onLost() {
      requests.lost();
      for (const inbox of inboxes) inbox.lost();
    },
    // Does nothing but to be answered.
    probe: () => void ask("subscription", { ids: [], action: "unsubscribe" }).catch(() => {}),
  });
  signal?.addEventListener("abort", close, { once: true });
  if (signal?.aborted) close();

  function ask(command: string, options: unknown, asking?: Asking): Promise<Frame> {
    return requests.ask(command, options, asking);
  }

  function pushed(frame: Frame): void {
    const { event, status, cursor } = frame;
    if (event === "stream") line.setDegraded(status === "degraded");
    if (event === "server") line.expectEnd();
    if (event === "authentication") {
      for (const inbox of inboxes) inbox.lost();
      logIn().then((isIn) => {
        for (const inbox of inboxes) isIn ? inbox.opened() : inbox.close(unauthorized());
      }, () => {});
    }
    if (cursor !== undefined && (event === "stream" || event === "server")) {
      for (const inbox of inboxes) inbox.servedUpTo(cursor);
    }
    for (const inbox of inboxes) if (inbox.id === event) inbox.pushed(frame);
  }

  /** Logs in with what token there is by now; whether somebody is logged in after that. */
  function logIn(): Promise<boolean> {
    return loggingIn ??= (async () => {
      try {
        const authToken = await token();
        if (!authToken) return false;
        await ask("authentication", { authToken });
        line.usedToken = authToken;
        return true;
      } catch (error) {
        if (error instanceof WssError && !error.temporary) return false;
        throw error;
      } finally {
        loggingIn = undefined;
      }
    })();
  }

  function subscribe<List, Data>(command: string, options: object): Inbox<List, Data> {
    const inbox = new Inbox<List, Data>({
      get isOpen() {
        return line.isOpen;
      },
      list: (since) => ask(command, since === undefined ? options : { ...options, since }),
      logIn,
      ended(id) {
        inboxes.delete(inbox as Inbox);
        const isShared = [...inboxes].some((other) => other.id === id);
        if (id === undefined || isShared || !line.isOpen) return;
        ask("subscription", { ids: [id], action: "unsubscribe" }).catch(() => {});
      },
    });
    if (line.state.state === "closed") {
      inbox.close(closedError());
      return inbox;
    }
    inboxes.add(inbox as Inbox);
    if (line.isOpen) inbox.opened();
    return inbox;
  }

  function end(): void {
    signal?.removeEventListener("abort", close);
    requests.close();
    const { last } = line.state;
    for (const inbox of [...inboxes]) inbox.close(last?.code === 1000 ? null : closedError());
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
      const { payload } = await ask("getMyNotificationsCount", options, {
        repeatable: true,
        signal,
      });
      return payload as { total: number };
    },
    async markAs(status, ids = [], { signal } = {}) {
      await ask("updateNotifications", { where: { notifications: ids }, status }, { signal });
    },
    async tournament<T>(id: string, { signal }: CallOptions = {}) {
      const asking = { repeatable: true, signal };
      return (await ask("getTournament", { where: { id } }, asking)).payload as T;
    },
    async request(command, options, { signal } = {}) {
      return (await ask(command, options, { signal })).payload;
    },
    close,
    [Symbol.dispose]: close,
  };

  function closedError(): WssError {
    const { last } = line.state;
    return new WssError({
      slug: "closed",
      message: `The connection is closed: ${last?.code} ${last?.reason}`,
      temporary: false,
    });
  }
}

function unauthorized(): WssError {
  return new WssError({
    slug: "unauthorized",
    message: "Nobody is logged in any more",
    temporary: false,
  });
}

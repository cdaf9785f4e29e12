/**
 * The client of wss, for browsers, Deno and Node. It keeps a connection, resumes what was missed, and
 * has no dependencies.
 *
 * ```ts ignore
 * const wss = connect("wss://example.com/web", { token: () => session.token });
 * for await (const change of wss.notifications({ types: ["message"] })) show(change);
 * ```
 *
 * @module
 */
import { Client, type ConnectOptions } from "./client.ts";
import { totalsOf } from "./counts/totals.ts";
import { WssError } from "./error.ts";
import type { Inbox, Totals } from "./inbox.ts";
import type { Request } from "./requests.ts";
import type { State } from "./transport/state.ts";
import type { NotificationStatus, ScheduleWhere } from "./types.ts";

export { WssError };
export type { ConnectOptions } from "./client.ts";
export type { WssErrorInit } from "./error.ts";
export type { Change, Inbox, Totals } from "./inbox.ts";
export type { TokenSource } from "./token.ts";
export type { Disconnection } from "./transport/line.ts";
export type { SocketLike, WebSocketClass } from "./transport/socket.ts";
export type { State } from "./transport/state.ts";
export type { NotificationStatus, ScheduleWhere } from "./types.ts";

/** Options of a call. */
export interface CallOptions {
  /** If it is aborted, the call rejects with its reason. The service may have done it by then. */
  readonly signal?: AbortSignal | undefined;
}

/** A connection to the service, until it is closed; made by {@linkcode connect}. */
export interface Wss {
  readonly state: State;
  /** Subscribes to the user's notifications of these types; without types, of all. */
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
   * Counts the user's notifications of these types; without types, all.
   *
   * @throws {WssError} The request failed
   */
  count(
    options: CallOptions & {
      readonly types?: readonly string[] | undefined;
      readonly status: NotificationStatus;
    },
  ): Promise<{ total: number }>;
  /**
   * Subscribes to the number of the user's notifications of these types; without types, of all. It is
   * for a badge: the first number comes at once, and then each other number, also after a reconnection.
   *
   * @param options.status Default `unseen`, the status of notifications that are new to the user
   */
  unread(
    options?: {
      readonly types?: readonly string[] | undefined;
      readonly status?: NotificationStatus | undefined;
    },
  ): Totals;
  /**
   * Marks notifications; without ids, all; with an empty array, none. The request is sent once. If the connection breaks before
   * the reply (`disconnected`), the service may have done it. A request that waits for a connection is
   * done for the user who is logged in then. Ids that do not fit into one frame of the service go in
   * several, one after the other. If one of them fails, those before it are done.
   *
   * @throws {WssError} The request failed
   */
  markAs(
    status: NotificationStatus,
    ids?: readonly string[] | undefined,
    options?: CallOptions,
  ): Promise<void>;
  /**
   * Fetches a tournament.
   *
   * @throws {WssError} The request failed
   */
  tournament<T = unknown>(id: string | number, options?: CallOptions): Promise<T>;
  /**
   * Sends any command as it is, and gives the reply's payload. A subscription that it makes is not
   * resumed, and only {@linkcode ConnectOptions.onFrame} sees its pushes. A login by it ends all
   * subscriptions: use {@linkcode ConnectOptions.token} to log in.
   *
   * @throws {WssError} The request failed
   */
  request(command: string, options: unknown, callOptions?: CallOptions): Promise<unknown>;
  /**
   * Tries to connect at once, if the state is `waiting` or `unauthorized`; for example after a login.
   * After an end by the service, such as 4029, it begins again, for subscriptions that are made then.
   */
  connect(): void;
  /**
   * Ends the connection and all subscriptions, for good. Requests under way reject with `closed`.
   */
  close(): void;
  [Symbol.dispose](): void;
}

/** Connects, and connects again until it is closed. Its functions need no `this`. */
export function connect(url: string | URL, options: ConnectOptions = {}): Wss {
  const client = new Client(String(url), options);
  return {
    get state() {
      return client.state;
    },
    notifications: ({ types = [], limit, sort } = {}) =>
      client.subscribe({
        command: "getMyNotifications",
        options: { where: { types }, params: { limit, sort } },
      }),
    schedules: (where) => client.subscribe({ command: "getSchedules", options: { where } }),
    async count({ types = [], status, signal }) {
      return await client.call({
        command: "getMyNotificationsCount",
        options: { where: { types }, status },
      }, { repeatable: true, signal }) as { total: number };
    },
    unread: ({ types = [], status = "unseen" } = {}) =>
      totalsOf(client.subscribe({
        command: "getMyNotificationsCount",
        options: { where: { types }, status, subscribe: true },
      })),
    markAs: (status, ids, { signal } = {}) => client.markAs(status, ids, { signal }),
    async tournament<T>(id: string | number, { signal }: CallOptions = {}) {
      const request = { command: "getTournament", options: { where: { id } } } as const;
      return await client.call(request, { repeatable: true, signal }) as T;
    },
    request: (command, options, { signal } = {}) =>
      client.call({ command, options } as Request, { signal }),
    connect: client.connect,
    close: client.close,
    [Symbol.dispose]: client.close,
  };
}

/**
 * One client: a connection, its requests and its subscriptions, tied together.
 */
import { backoffMs } from "./backoff.ts";
import { closed, WssError } from "./error.ts";
import { type Frame, readFrames } from "./frame.ts";
import type { Inbox } from "./inbox.ts";
import { unlessAborted } from "./promises.ts";
import { ReconnectingSocket } from "./reconnecting_socket.ts";
import { type Request, type RequestOptions, Requests } from "./requests.ts";
import { Subscription } from "./subscription.ts";
import type { TokenSource } from "./token.ts";
import { CountSubscription } from "./counts/totals.ts";
import { socketLines, type WebSocketClass } from "./transport/socket.ts";
import type { State } from "./transport/state.ts";
import type { NotificationStatus } from "./types.ts";

/** How to connect. */
export interface ConnectOptions {
  /**
   * Asked before each connection, and when the service says that nobody is logged in; then again and
   * again until it gives another token.
   */
  readonly token?: TokenSource | undefined;
  /** The class of the WebSockets, such as that of the package `ws`; by default the platform's. */
  readonly WebSocket?: WebSocketClass | undefined;
  /** Closes the client when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Called at each change of {@linkcode Wss.state}. */
  readonly onState?: ((state: State) => void) | undefined;
  /**
   * Called with each frame, for example to show the traffic: the JSON of a message, or of an array of
   * messages.
   */
  readonly onFrame?: ((direction: "in" | "out", text: string) => void) | undefined;
}

/** A client, from its first connection to its end. */
export class Client {
  readonly #options: ConnectOptions;
  readonly #socket: ReconnectingSocket;
  readonly #requests: Requests;
  readonly #subscriptions = new Set<Subscription>();
  /** Whether the program has closed it. */
  #isClosed = false;

  constructor(url: string, options: ConnectOptions) {
    const { token = () => null, signal, onFrame } = this.#options = options;
    this.#requests = new Requests({
      isOpen: () => this.#socket.takesRequests,
      send: (text, owner) => {
        if (onFrame) queueMicrotask(() => onFrame("out", text));
        this.#socket.send(text, owner);
      },
    });
    this.#socket = new ReconnectingSocket(url, {
      open: socketLines(options.WebSocket),
      token,
      onState: (state) => this.#changed(state),
      onOpen: () => this.#opened(),
      onFrame: (text) => this.#received(text),
      onLost: () => this.#lost(),
      onTooLarge: () => this.#requests.rejectLargest(),
      settled: (how) => this.#requests.settled(how),
      probe: () => this.#requests.probe(),
    });
    signal?.addEventListener("abort", this.close);
    if (signal?.aborted) this.close();
  }

  get state(): State {
    return this.#socket.state;
  }

  /**
   * Sends a request. If nobody is logged in, it is sent once more with another token, if there is one.
   *
   * @returns The payload of the reply
   * @throws {WssError} The request failed
   */
  async call(request: Request, options: RequestOptions): Promise<unknown> {
    try {
      return (await this.#requests.ask(request, options)).payload;
    } catch (error) {
      const isRefused = error instanceof WssError && error.slug === "unauthorized";
      if (!isRefused || !await unlessAborted(this.#socket.renew(), options.signal)) throw error;
      return (await this.#requests.ask(request, options)).payload;
    }
  }

  /**
   * Marks notifications; without ids, all; with an empty array, none. Ids that do not fit into one frame go in several, one after
   * the other.
   *
   * @throws {WssError} A request failed; those before it are done
   */
  async markAs(
    status: NotificationStatus,
    ids: readonly string[] | undefined,
    options: RequestOptions,
  ): Promise<void> {
    if (ids?.length === 0) return;
    // To the service, no ids mean all.
    for (const notifications of this.#requests.parts(ids ?? [])) {
      await this.call({
        command: "updateNotifications",
        options: { where: { notifications }, status },
      }, options);
    }
  }

  /** Subscribes by a command that answers a list or a count. */
  subscribe<List, Data>(
    request: Exclude<
      Request,
      { command: "updateNotifications" | "getTournament" | "subscription" }
    >,
  ): Inbox<List, Data> {
    const socket = this.#socket;
    const isCount = request.command === "getMyNotificationsCount";
    const subscription: Subscription = new (isCount ? CountSubscription : Subscription)({
      get isOpen() {
        return socket.isOpen;
      },
      list: (since, take) => {
        const { command, options } = request;
        return this.#requests.ask({ command, options: { ...options, since } } as Request, {
          owner: subscription,
          take: (reply) => {
            take(reply);
            // The service will not tell this total again: it is for all loops over the count.
            if (isCount) this.#pushed(reply);
          },
        });
      },
      renew: async () => await socket.renew() || socket.refused("A list was refused"),
      ended: (id) => {
        this.#subscriptions.delete(subscription);
        if (id !== undefined) this.#unsubscribe(id);
      },
    });
    if (this.state.state === "closed") {
      subscription.end(closed(this.state.last));
    } else {
      this.#subscriptions.add(subscription);
      if (socket.isOpen) subscription.open();
    }
    return subscription as Inbox<List, Data>;
  }

  /** Tries to connect at once. It can be passed on as a function. */
  readonly connect = (): void => {
    const { signal } = this.#options;
    if (this.#isClosed || signal?.aborted || !this.#socket.connect()) return;
    signal?.addEventListener("abort", this.close);
    this.#requests.reopen();
  };

  /** Ends the client for good. It can be passed on as a function. */
  readonly close = (): void => {
    this.#isClosed = true;
    this.#socket.close();
  };

  #changed(state: State): void {
    const { signal, onState } = this.#options;
    if (state.state === "closed") {
      signal?.removeEventListener("abort", this.close);
      this.#end(state);
    }
    // Later, because the callback may throw, or may call this client.
    if (onState) queueMicrotask(() => onState(state));
  }

  #opened(): void {
    for (const subscription of this.#subscriptions) subscription.open();
    this.#requests.opened();
  }

  #received(text: string): void {
    const { onFrame } = this.#options;
    if (onFrame) queueMicrotask(() => onFrame("in", text));
    for (const frame of readFrames(text)) {
      if (frame.rid > 0) this.#requests.answer(frame);
      else this.#pushed(frame);
    }
  }

  #pushed(frame: Frame): void {
    const { event, status, payload, cursor } = frame;
    if (event === "authentication") this.#socket.refused("The user was logged out");
    if (event === "stream") {
      this.#socket.setDegraded(status === "degraded");
      const { maxMessageBytes } = (payload ?? {}) as { maxMessageBytes?: unknown };
      if (typeof maxMessageBytes === "number") this.#requests.limitFrames(maxMessageBytes);
    }
    if (event === "server") {
      this.#socket.expectEnd(Number((payload as { afterMs?: unknown })?.afterMs) || 0);
    }
    if (cursor !== undefined && (event === "stream" || event === "server")) {
      for (const subscription of this.#subscriptions) subscription.servedUpTo(cursor);
    }
    for (const subscription of this.#subscriptions) {
      if (subscription.id === event) subscription.pushed(frame);
    }
  }

  #lost(): void {
    this.#requests.lost();
    for (const subscription of this.#subscriptions) subscription.lost();
  }

  /** Ends a subscription at the service, unless another inbox has it. Tries again if that fails. */
  #unsubscribe(id: string, tries = 0): void {
    const isShared = [...this.#subscriptions].some((other) => other.id === id);
    if (isShared || !this.#socket.isOpen) return;
    const options = { ids: [id], action: "unsubscribe" } as const;
    this.#requests.ask({ command: "subscription", options }).then(() => {
      // An inbox that asked for the same list before this did not know its id yet.
      for (const other of this.#subscriptions) if (other.id === id) other.open();
    }, (error) => {
      if (!(error instanceof WssError) || !error.temporary) return;
      const afterMs = Math.max(error.retryAfterMs ?? 0, backoffMs(tries));
      setTimeout(() => this.#unsubscribe(id, tries + 1), afterMs);
    });
  }

  #end({ last }: State): void {
    const error = closed(last);
    this.#requests.close(error);
    // A program that closes its client gets no error in its loops.
    const reason = last?.code === 1000 ? null : error;
    for (const subscription of this.#subscriptions) subscription.end(reason);
  }
}

/**
 * A connection to the service that is made again when it is lost: one socket after another.
 */
import { backoffMs, MOST_MS } from "./backoff.ts";
import { askToken, protocolsFor, type TokenSource } from "./token.ts";

/** How the last socket ended. */
export interface Disconnection {
  /** The code of the close frame. 1006 means that there was none, 1000 that this side closed it. */
  readonly code: number;
  readonly reason: string;
}

/** The state of a connection, with the reason why the last socket ended. */
export type State =
  | { readonly state: "connecting"; readonly last: Disconnection | null }
  /** `degraded`: pushes may come late, because the service can't read all of its log. */
  | {
    readonly state: "open";
    readonly degraded: boolean;
    readonly last: Disconnection | null;
  }
  | { readonly state: "waiting"; readonly retryInMs: number; readonly last: Disconnection | null }
  /** For good. */
  | { readonly state: "closed"; readonly last: Disconnection | null };

/** What {@linkcode ReconnectingSocket} needs. */
export interface ReconnectingSocketOptions {
  readonly token: TokenSource;
  readonly onState: (state: State) => void;
  /** Called when a socket is open, before anything is sent on it. */
  readonly onOpen: () => void;
  /** Called with each text frame. */
  readonly onFrame: (text: string) => void;
  /** Called when the socket is gone and another one will follow. */
  readonly onLost: () => void;
  /** Resolves when nothing is under way that would be lost with the socket. */
  readonly settled: () => Promise<unknown>;
  /** Sends a frame that the service answers, to find out whether the connection is dead. */
  readonly probe: () => void;
}

/** After these codes a client should not connect again by itself (LIFE2). */
const FINAL_CODES = [1003, 1009, 4029];
/** After this code only another token may be tried. */
const TOKEN_REFUSED = 4401;

/** Milliseconds that a socket has to open. The service may have to ask a backend first. */
const CONNECT_MS = 20_000;
/** Milliseconds without a frame after which to probe: a little more than between cursors (DEL8). */
const QUIET_MS = 26_000;
/** Milliseconds for a probe's answer. It waits for earlier requests, and so perhaps for a backend. */
const ANSWER_MS = 12_000;
/** The same when the browser says that it is online again: then a dead connection is likely. */
const ONLINE_MS = 4000;

/** Milliseconds after which a connection counts as stable, and the next wait is a short one. */
const STABLE_MS = 5000;

/** Keeps a socket open. */
export class ReconnectingSocket {
  readonly #url: string;
  readonly #options: ReconnectingSocketOptions;
  readonly #abort = new AbortController();
  #socket: WebSocket | null = null;
  #state: State = { state: "connecting", last: null };
  /** Ends a wait of the present state: for the next try, for the opening, or for the next frame. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tries = 0;
  /** When the last frame came, by `performance.now()`. */
  #seenAt = 0;
  /** When the socket opened, by `performance.now()`. */
  #openedAt = Infinity;
  /** The token of the latest connection. */
  #usedToken: string | null = null;
  #refused: { readonly token: string | null; readonly last: Disconnection } | null = null;
  /** When the service will close the socket (LIFE4), by `performance.now()`. */
  #leaveAt: number | null = null;
  /** Whether it will connect again as soon as the requests under way are answered. */
  #isLeaving = false;
  /** Resolves with whether it connects again; only there while that is not known yet, or under way. */
  #renewing: Promise<boolean> | undefined;

  constructor(url: string, options: ReconnectingSocketOptions) {
    this.#url = url;
    this.#options = options;
    globalThis.addEventListener?.("online", this.#onOnline);
    // Later, because the callbacks may use this object.
    queueMicrotask(() => this.#connect());
  }

  get state(): State {
    return this.#state;
  }

  /** Whether frames can be sent. */
  get isOpen(): boolean {
    return this.#state.state === "open";
  }

  /** Whether requests can be sent. They wait while it is about to connect again. */
  get takesRequests(): boolean {
    return this.isOpen && !this.#isLeaving;
  }

  send(text: string): void {
    try {
      this.#socket?.send(text);
    } catch {
      // The socket is closing; its close event follows.
    }
  }

  /** Notes whether the stream is degraded (DEL10). */
  setDegraded(degraded: boolean): void {
    const { state, last } = this.#state;
    if (state === "open" && this.#state.degraded !== degraded) this.#set({ state, degraded, last });
  }

  /** Notes when the service will close the socket; other instances expect the client then. */
  expectEnd(afterMs: number): void {
    this.#leaveAt = performance.now() + afterMs;
  }

  /** Connects again as soon as the requests under way are answered. */
  reconnect(reason: string): void {
    this.#renewing = this.#reconnect(reason);
  }

  /**
   * Connects again if there is another token by now, or if the token function fails.
   *
   * @returns Whether it connects again
   */
  renew(): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(true);
    return this.#renewing ??= this.#renew();
  }

  /** Ends the connection for good. */
  close(last: Disconnection = { code: 1000, reason: "Closed by the client" }): void {
    if (this.#state.state === "closed") return;
    globalThis.removeEventListener?.("online", this.#onOnline);
    this.#leaveSocket(1000);
    this.#set({ state: "closed", last });
    this.#abort.abort();
  }

  #set(state: State): void {
    this.#state = state;
    this.#options.onState(state);
  }

  async #renew(): Promise<boolean> {
    const socket = this.#socket;
    const token = await this.#askToken().catch(() => undefined);
    if (this.#socket !== socket) return true;
    if (token === this.#usedToken) {
      this.#renewing = undefined;
      return false;
    }
    return await this.#reconnect(
      token === undefined ? "The token function failed" : "The token has changed",
    );
  }

  async #reconnect(reason: string): Promise<true> {
    const socket = this.#socket;
    this.#isLeaving = true;
    await this.#options.settled();
    if (this.#socket === socket && this.isOpen) this.#lose({ code: 1000, reason });
    return true;
  }

  #askToken(): Promise<string | null> {
    return askToken(this.#options.token, this.#abort.signal);
  }

  readonly #onOnline = (): void => {
    if (this.#state.state === "open") return this.#probe(ONLINE_MS);
    // Without a socket, the token is being asked for, and a socket follows.
    if (this.#state.state === "connecting" && !this.#socket) return;
    // A try that began without a network may take long to fail.
    this.#leaveSocket();
    this.#connect();
  };

  async #connect(): Promise<void> {
    if (this.#state.state === "closed") return;
    this.#set({ state: "connecting", last: this.#state.last });
    let token: string | null;
    try {
      token = await this.#askToken();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      return this.#wait({ code: 1006, reason: `The token function failed: ${error}` });
    }
    if (this.#abort.signal.aborted) return;
    if (this.#refused?.token === token) return this.close(this.#refused.last);
    this.#usedToken = token;
    try {
      this.#socket = new WebSocket(this.#url, protocolsFor(token));
    } catch (error) {
      return this.close({ code: 1006, reason: `Cannot connect: ${error}` });
    }
    this.#listen(this.#socket);
    this.#timer = setTimeout(() => this.#lose(NOT_OPENED), CONNECT_MS);
  }

  #listen(socket: WebSocket): void {
    socket.onopen = () => {
      this.#seenAt = this.#openedAt = performance.now();
      clearTimeout(this.#timer);
      this.#set({ state: "open", degraded: false, last: this.#state.last });
      this.#watch();
      this.#options.onOpen();
    };
    socket.onmessage = ({ data }) => {
      this.#seenAt = performance.now();
      if (typeof data === "string") this.#options.onFrame(data);
    };
    // Deno gives the code 0 if there is no close frame.
    socket.onclose = ({ code, reason }) => this.#lose({ code: code || 1006, reason });
    // On Node 20 no close event follows an error; elsewhere one follows, and says no more.
    socket.onerror = (event) => {
      this.#lose({ code: 1006, reason: (event as Partial<ErrorEvent>).message ?? "" });
    };
  }

  /** Waits until the connection has been quiet for too long, and then probes it. */
  #watch(): void {
    const quietMs = performance.now() - this.#seenAt;
    if (quietMs >= QUIET_MS) this.#probe(ANSWER_MS);
    else this.#timer = setTimeout(() => this.#watch(), QUIET_MS - quietMs);
  }

  #probe(answerMs: number): void {
    const askedAt = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#seenAt < askedAt) this.#lose(DEAD);
      else this.#watch();
    }, answerMs);
    this.#options.probe();
  }

  #lose(last: Disconnection): void {
    const leaveAt = this.#leaveAt;
    if (performance.now() - this.#openedAt >= STABLE_MS) this.#tries = 0;
    this.#leaveSocket();
    if (FINAL_CODES.includes(last.code)) return this.close(last);
    if (last.code === TOKEN_REFUSED) this.#refused = { token: this.#usedToken, last };
    if (leaveAt === null) {
      this.#wait(last);
    } else {
      this.#tries = 0;
      this.#wait(last, Math.min(MOST_MS, Math.max(0, leaveAt - performance.now())));
    }
    this.#options.onLost();
  }

  #wait(last: Disconnection, retryInMs = backoffMs(this.#tries++)): void {
    this.#timer = setTimeout(() => this.#connect(), retryInMs);
    this.#set({ state: "waiting", retryInMs, last });
  }

  /** Stops listening to the socket and closes it. On a dead connection the closing may never end. */
  #leaveSocket(code?: number): void {
    clearTimeout(this.#timer);
    this.#leaveAt = null;
    this.#openedAt = Infinity;
    this.#isLeaving = false;
    this.#renewing = undefined;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen =
      socket.onmessage =
      socket.onclose =
      socket.onerror =
        null;
    socket.close(code);
  }
}

const DEAD: Disconnection = { code: 1006, reason: "No frame came for too long" };
const NOT_OPENED: Disconnection = { code: 1006, reason: "The connection did not open in time" };

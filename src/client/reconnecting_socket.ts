/**
 * The line to the service: one socket after another, and when to have the next.
 */
import { backoffMs, MOST_MS } from "./backoff.ts";
import { askToken, protocolsFor, type TokenSource } from "./token.ts";

/** Where the line ended last. */
export interface Disconnection {
  /** Of the close frame; 1006 where there was none, 1000 where this side wanted it. */
  readonly code: number;
  readonly reason: string;
}

/** What the line is doing. */
export type State =
  | { readonly state: "connecting"; readonly last: Disconnection | null }
  /** `degraded`: what is new may come late, for the service can't read all of its log. */
  | {
    readonly state: "open";
    readonly degraded: boolean;
    readonly last: Disconnection | null;
  }
  | { readonly state: "waiting"; readonly retryInMs: number; readonly last: Disconnection | null }
  /** For good. */
  | { readonly state: "closed"; readonly last: Disconnection | null };

/** What {@linkcode Line} needs. */
export interface LineOptions {
  readonly url: string;
  readonly token: TokenSource;
  readonly onState: (state: State) => void;
  /** The socket is open; nothing was sent on it. */
  readonly onOpen: () => void;
  /** A frame has come. */
  readonly onFrame: (text: string) => void;
  /** The socket is gone; another follows. */
  readonly onLost: () => void;
  /** Resolves when nothing is under way that would be lost with the socket, or when it is lost. */
  readonly settled: () => Promise<unknown>;
  /** Sends what some frame answers, so that it shows whether the line is dead. */
  readonly probe: () => void;
}

/** After these a client should not connect again by itself (LIFE2). */
const FINAL_CODES = [1003, 1009, 4029];
/** Refused is the token, and another may do. */
const TOKEN_REFUSED = 4401;

/** Milliseconds until a socket must be open; the service may have to ask a backend before. */
const CONNECT_MS = 20_000;
/** Milliseconds without a frame after which the line is probed: a bit more than between cursors (DEL8). */
const QUIET_MS = 26_000;
/** Milliseconds for a probe's answer, which waits for what was asked before, and so for a backend. */
const ANSWER_MS = 12_000;
/** The same where the browser says that the network has changed, which makes a dead line likely. */
const ONLINE_MS = 4000;

/** Milliseconds after which a connection was a good one, and the waits begin with the first again. */
const STABLE_MS = 5000;

/** Keeps a socket open. */
export class Line {
  readonly #options: LineOptions;
  readonly #abort = new AbortController();
  #socket: WebSocket | null = null;
  #state: State = { state: "connecting", last: null };
  /** Of what the state waits for: the next try, the opening, the line's next sign of life. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tries = 0;
  /** When a frame came last, by `performance.now()`. */
  #seenAt = 0;
  /** When the socket opened, by `performance.now()`. */
  #openedAt = Infinity;
  /** The token with which it has connected last. */
  #usedToken: string | null = null;
  #refused: { readonly token: string | null; readonly last: Disconnection } | null = null;
  /** The service sends it away then (LIFE4). */
  #leaveAt: number | null = null;
  /** Whether it is about to connect again, once what is under way is answered. */
  #isLeaving = false;
  /** Whether it is about to connect again, where that is being found out. */
  #renewing: Promise<boolean> | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
    globalThis.addEventListener?.("online", this.#onOnline);
    // Not before whoever makes it has it.
    queueMicrotask(() => this.#connect());
  }

  get state(): State {
    return this.#state;
  }

  /** Whether frames can be sent. */
  get isOpen(): boolean {
    return this.#state.state === "open";
  }

  /** Whether requests can be sent; what is asked while it is about to connect again waits for that. */
  get takesRequests(): boolean {
    return this.isOpen && !this.#isLeaving;
  }

  send(text: string): void {
    try {
      this.#socket?.send(text);
    } catch {
      // It is closing, of which it tells next.
    }
  }

  /** What comes is late, or is not any more (DEL10). */
  setDegraded(degraded: boolean): void {
    const { state, last } = this.#state;
    if (state === "open" && this.#state.degraded !== degraded) this.#set({ state, degraded, last });
  }

  /** The service will close it then, when others have room for it. */
  expectEnd(afterMs: number): void {
    this.#leaveAt = performance.now() + afterMs;
  }

  /** Connects again, once what is under way is answered. */
  reconnect(reason: string): void {
    this.#renewing = this.#reconnect(reason);
  }

  /** Connects again if there is another token by now, or if that can't be told; whether it does. */
  renew(): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(true);
    return this.#renewing ??= this.#renew();
  }

  /** Ends the line for good. */
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
      token === undefined ? "The token function failed" : "There is another token",
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
    // A try that was begun without a network may take long to fail.
    if (this.#state.state === "connecting" && !this.#socket) return;
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
      this.#socket = new WebSocket(this.#options.url, protocolsFor(token));
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
      this.#look();
      this.#options.onOpen();
    };
    socket.onmessage = ({ data }) => {
      this.#seenAt = performance.now();
      if (typeof data === "string") this.#options.onFrame(data);
    };
    // Deno's code is 0 where there is none.
    socket.onclose = ({ code, reason }) => this.#lose({ code: code || 1006, reason });
    // Node 20 has no close event after it, the others one that says no more.
    socket.onerror = (event) => {
      this.#lose({ code: 1006, reason: (event as Partial<ErrorEvent>).message ?? "" });
    };
  }

  /** Probes the line when it is quiet for too long. */
  #look(): void {
    const quietMs = performance.now() - this.#seenAt;
    if (quietMs >= QUIET_MS) this.#probe(ANSWER_MS);
    else this.#timer = setTimeout(() => this.#look(), QUIET_MS - quietMs);
  }

  #probe(answerMs: number): void {
    const askedAt = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#seenAt < askedAt) this.#lose(DEAD);
      else this.#look();
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

  /** Hears no more of the socket; on a dead line its closing may take for ever. */
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

const DEAD: Disconnection = { code: 1006, reason: "Nothing came for too long" };
const NOT_OPENED: Disconnection = { code: 1006, reason: "It did not open in time" };

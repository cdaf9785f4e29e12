/**
 * The line to the service: one socket after another, and when to have the next.
 */
import { backoffMs } from "./backoff.ts";

/** Where the line ended last. */
export interface Disconnection {
  /** Of the close frame; 1006 where there was none. */
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

/** Gives the token of whoever is logged in, `null` for a guest. */
export type TokenSource = () => string | null | undefined | Promise<string | null | undefined>;

/** What {@linkcode Line} needs. */
export interface LineOptions {
  readonly url: string;
  readonly token: TokenSource;
  readonly onState: (state: State) => void;
  /** The socket is open; nothing was sent on it. */
  readonly onOpen: () => void;
  /** A frame has come. */
  readonly onFrame: (text: string) => void;
  /** The socket is gone; another follows unless the state is `closed`. */
  readonly onLost: () => void;
  /** To be answered by some frame, so that it shows whether the line is dead. */
  readonly probe: () => void;
}

/** After these a client should not connect again by itself (LIFE2). */
const FINAL_CODES = [1003, 1009, 4029];
/** Refused is the token, and another may do. */
const TOKEN_REFUSED = 4401;

/** Milliseconds between two looks at how long nothing has come. */
const LOOK_MS = 4000;
/** Milliseconds without a frame after which the line is probed, and after which it is dead. */
const QUIET_MS = 20_000;
const DEAD_MS = 32_000;
/** Milliseconds for a probe's answer where the browser says that the network has changed. */
const ONLINE_MS = 4000;

/** Keeps a socket open. */
export class Line {
  readonly #options: LineOptions;
  #socket: WebSocket | null = null;
  #state: State = { state: "connecting", last: null };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;
  #tries = 0;
  #seenAt = 0;
  #usedToken: string | null = null;
  /** Sent away by the service, at a time that it has chosen (LIFE4). */
  #isSentAway = false;

  constructor(options: LineOptions) {
    this.#options = options;
    globalThis.addEventListener?.("online", this.#onOnline);
    this.#connect();
  }

  get state(): State {
    return this.#state;
  }

  /** The token with which the session is logged in. */
  get usedToken(): string | null {
    return this.#usedToken;
  }

  set usedToken(token: string | null) {
    this.#usedToken = token;
  }

  /** Whether frames can be sent. */
  get isOpen(): boolean {
    return this.#state.state === "open";
  }

  send(text: string): void {
    this.#socket?.send(text);
  }

  /** What comes is late, or is not any more (DEL10). */
  setDegraded(degraded: boolean): void {
    if (this.#state.state !== "open" || this.#state.degraded === degraded) return;
    this.#set({ ...this.#state, degraded });
  }

  /** The service will close this connection when others can take it: the next one follows at once. */
  expectEnd(): void {
    this.#isSentAway = true;
  }

  /** Ends the line for good. */
  close(last: Disconnection = { code: 1000, reason: "Closed by the client" }): void {
    if (this.#state.state === "closed") return;
    globalThis.removeEventListener?.("online", this.#onOnline);
    this.#leaveSocket(1000);
    this.#set({ state: "closed", last });
    this.#options.onLost();
  }

  #set(state: State): void {
    this.#state = state;
    this.#options.onState(state);
  }

  readonly #onOnline = (): void => {
    if (this.#state.state === "waiting") this.#connect();
    if (this.#state.state !== "open") return;
    const askedAt = performance.now();
    this.#options.probe();
    setTimeout(() => {
      if (this.#state.state === "open" && this.#seenAt < askedAt) this.#lose(DEAD);
    }, ONLINE_MS);
  };

  async #connect(): Promise<void> {
    clearTimeout(this.#timer);
    this.#set({ state: "connecting", last: this.#state.last });
    let token: string | null;
    try {
      token = await this.#options.token() || null;
    } catch (error) {
      return this.#wait({ code: 1006, reason: `The token function failed: ${error}` });
    }
    if (this.#state.state !== "connecting") return;
    const { last } = this.#state;
    if (last?.code === TOKEN_REFUSED && token === this.#usedToken) return this.close(last);
    this.#usedToken = token;
    const protocols = ["wss.v1", ...(token ? [`bearer.${base64url(token)}`] : [])];
    const socket = this.#socket = new WebSocket(this.#options.url, protocols);
    socket.onopen = () => {
      this.#seenAt = performance.now();
      this.#looking = setInterval(() => this.#look(), LOOK_MS);
      this.#set({ state: "open", degraded: false, last: this.#state.last });
      this.#options.onOpen();
    };
    socket.onmessage = ({ data }) => {
      this.#seenAt = performance.now();
      this.#tries = 0;
      this.#options.onFrame(data);
    };
    socket.onclose = ({ code, reason }) => this.#lose({ code, reason });
    // What it means shows in the close event, which follows.
    socket.onerror = () => {};
  }

  #look(): void {
    const quietMs = performance.now() - this.#seenAt;
    if (quietMs >= DEAD_MS) this.#lose(DEAD);
    else if (quietMs >= QUIET_MS) this.#options.probe();
  }

  #lose(last: Disconnection): void {
    this.#leaveSocket();
    if (FINAL_CODES.includes(last.code)) return this.close(last);
    const isSentAway = this.#isSentAway;
    this.#isSentAway = false;
    if (isSentAway) this.#tries = 0;
    this.#wait(last, isSentAway ? 0 : backoffMs(this.#tries++));
    this.#options.onLost();
  }

  #wait(last: Disconnection, retryInMs = backoffMs(this.#tries++)): void {
    this.#set({ state: "waiting", retryInMs, last });
    this.#timer = setTimeout(() => this.#connect(), retryInMs);
  }

  /** Hears no more of the socket; on a dead line its closing may take for ever. */
  #leaveSocket(code?: number): void {
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }
}

const DEAD: Disconnection = { code: 1006, reason: "Nothing came for too long" };

function base64url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

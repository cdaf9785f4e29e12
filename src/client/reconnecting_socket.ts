/**
 * A connection to the service that is made again when it is lost: one line after another.
 */
import { backoffMs, MOST_MS } from "./backoff.ts";
import { askToken, type TokenSource } from "./token.ts";
import * as ends from "./transport/ends.ts";
import type { Disconnection, Line, OpenLine } from "./transport/line.ts";
import { Liveness } from "./transport/liveness.ts";
import type { State } from "./transport/state.ts";
import { Transports } from "./transport/transports.ts";
import { WakeUps } from "./transport/wake_ups.ts";

/** What {@linkcode ReconnectingSocket} needs. */
export interface ReconnectingSocketOptions {
  /** Opens a WebSocket. */
  readonly open: OpenLine;
  readonly token: TokenSource;
  readonly onState: (state: State) => void;
  /** Called when a socket is open, before anything is sent on it. */
  readonly onOpen: () => void;
  /** Called with each text frame. */
  readonly onFrame: (text: string) => void;
  /** Called when the socket is gone and another one will follow. */
  readonly onLost: () => void;
  /** Called when a frame was too large (FRM2). Gives whether it was found, and will not be sent again. */
  readonly onTooLarge: () => boolean;
  /** Resolves when nothing is under way that would be lost with the socket; see `Requests`. */
  readonly settled: (how: { withLists: boolean }) => Promise<unknown>;
  /** Sends a frame that the service answers, to find out whether the connection is dead. */
  readonly probe: () => void;
}

/** Milliseconds that a socket has to open. The service may have to ask a backend first. */
const CONNECT_MS = 20_000;
/** Milliseconds to answer or to open after a wake-up: then a dead connection is likely. */
const WAKE_MS = 3500;
/** Milliseconds after which a connection counts as stable, and the next wait is a short one. */
const STABLE_MS = 5000;

/** Keeps a socket open. */
export class ReconnectingSocket {
  readonly #url: string;
  readonly #options: ReconnectingSocketOptions;
  readonly #transports: Transports;
  readonly #liveness: Liveness;
  #abort = new AbortController();
  #wakeUps: WakeUps | undefined;
  #line: Line | null = null;
  #state: State = { state: "connecting", last: null };
  /** Ends a wait of the present state: for the next try, or for the opening. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tries = 0;
  /** When the socket opened, by `performance.now()`. */
  #openedAt = Infinity;
  /** The token of the latest connection. */
  #usedToken: string | null = null;
  /** Whether that token was refused. */
  #isRefused = false;
  /** The token that is under way, in order to connect. It may be from before a login. */
  #asking: Promise<string | null> | undefined;
  /** When the service will close the socket (LIFE4), by `performance.now()`. */
  #leaveAt: number | null = null;
  /** Whether it will connect again as soon as the requests under way are answered. */
  #isLeaving = false;
  /** Resolves with whether it connects again; only there while that is not known yet, or under way. */
  #renewing: Promise<boolean> | undefined;

  constructor(url: string, options: ReconnectingSocketOptions) {
    this.#url = url;
    this.#options = options;
    this.#liveness = new Liveness({ probe: options.probe, onDead: () => this.#lose(ends.DEAD) });
    this.#transports = new Transports({
      open: options.open,
      onWebSocket: () => this.#reconnect(ends.BACK, { withLists: false }),
    });
    this.#start();
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

  send(text: string, owner?: object): void {
    this.#line?.send(text, owner);
  }

  /** Tries at once, if it waits. Begins again, if the service has ended it, and gives whether it does. */
  connect(): boolean {
    const { state, last } = this.#state;
    const again = () => void (this.#state.state === "unauthorized" && this.#connect());
    if (state === "unauthorized") this.#asking?.then(again, again);
    if (state === "waiting" || state === "unauthorized") this.#connect();
    if (state !== "closed" || last?.code === ends.NORMAL) return false;
    this.#abort = new AbortController();
    this.#set({ state: "connecting", last });
    this.#start();
    return true;
  }

  /** Notes whether the stream is degraded (DEL10). */
  setDegraded(degraded: boolean): void {
    const state = this.#state;
    if (state.state === "open" && state.degraded !== degraded) this.#set({ ...state, degraded });
  }

  /** Notes when the service will close the socket; other instances expect the client then. */
  expectEnd(afterMs: number): void {
    // Over HTTP each stream has a slot of its own, and the first end is the end of all.
    this.#leaveAt = Math.min(this.#leaveAt ?? Infinity, performance.now() + afterMs);
  }

  /**
   * Notes that the service refuses the token: connects again with another one, as soon as the requests
   * under way are answered. It does nothing for a guest, who has no token.
   *
   * @returns Whether it does
   */
  refused(reason: string): boolean {
    if (!this.isOpen || this.#usedToken === null) return !this.isOpen;
    this.#renewing = this.#reconnect({ code: ends.TOKEN_REFUSED, reason });
    return true;
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
  close(last: Disconnection = { code: ends.NORMAL, reason: "Closed by the client" }): void {
    if (this.#state.state === "closed") return;
    globalThis.removeEventListener?.("online", this.#onOnline);
    this.#wakeUps?.stop();
    this.#leaveLine(ends.NORMAL);
    this.#set({ state: "closed", last });
    this.#abort.abort();
  }

  #set(state: State): void {
    this.#state = state;
    this.#options.onState(state);
  }

  #start(): void {
    globalThis.addEventListener?.("online", this.#onOnline);
    this.#wakeUps = new WakeUps(() => this.#wake());
    // Later, because the callbacks may use this object.
    queueMicrotask(() => this.#connect());
  }

  async #renew(): Promise<boolean> {
    const line = this.#line;
    const token = await askToken(this.#options.token, this.#abort.signal).catch(() => undefined);
    if (this.#line !== line) return true;
    if (token === this.#usedToken) {
      this.#renewing = undefined;
      return false;
    }
    const reason = token === undefined ? "The token function failed" : "The token has changed";
    return await this.#reconnect({ code: ends.NORMAL, reason });
  }

  async #reconnect(last: Disconnection, how = { withLists: true }): Promise<true> {
    const line = this.#line;
    this.#isLeaving = true;
    await this.#options.settled(how);
    if (this.#line === line && this.isOpen) this.#lose(last);
    return true;
  }

  readonly #onOnline = (): void => {
    this.#transports.networkChanged();
    if (this.isOpen) return this.#check();
    // A try that began without a network may take long to fail.
    this.#leaveLine();
    this.#connect();
  };

  /** Finds out whether the open line is dead, and whether there is a better way now. */
  #check(): void {
    if (this.#line?.isDead) return this.#lose(ends.DEAD);
    this.#liveness.check(WAKE_MS);
    this.#transports.tryWebSocket();
  }

  #wake(): void {
    if (this.isOpen) this.#check();
    else if (this.#line) this.#expectOpening(WAKE_MS);
    else this.#connect();
  }

  async #connect(): Promise<void> {
    if (this.#state.state === "closed" || this.#asking) return;
    clearTimeout(this.#timer);
    const { last } = this.#state;
    if (!this.#isRefused) this.#set({ state: "connecting", last });
    const { signal } = this.#abort;
    // A source that calls connect() itself changes nothing by that.
    this.#asking = new Promise(() => {});
    this.#asking = askToken(this.#options.token, signal);
    let token: string | null;
    try {
      token = await this.#asking;
    } catch (error) {
      if (signal.aborted) return;
      return this.#wait({ code: 1006, reason: `The token function failed: ${error}` });
    } finally {
      this.#asking = undefined;
    }
    if (signal.aborted) return;
    if (this.#isRefused) {
      if (token === this.#usedToken) return this.#wait(last);
      this.#isRefused = false;
      this.#set({ state: "connecting", last });
    }
    this.#usedToken = token;
    this.#open(token);
  }

  #open(token: string | null): void {
    try {
      this.#line = this.#transports.open(this.#url, token, {
        onOpen: () => this.#opened(),
        onFrame: (text) => {
          this.#liveness.seen();
          this.#options.onFrame(text);
        },
        onEnd: (last) => this.#lose(last),
      });
    } catch (error) {
      return this.close({ code: 1006, reason: `Cannot connect: ${error}` });
    }
    this.#expectOpening(CONNECT_MS);
  }

  #expectOpening(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lose(ends.NOT_OPENED), ms);
  }

  #opened(): void {
    this.#openedAt = performance.now();
    clearTimeout(this.#timer);
    const { current: transport } = this.#transports;
    this.#set({ state: "open", transport, degraded: false, last: this.#state.last });
    this.#liveness.watch();
    this.#options.onOpen();
  }

  #lose(last: Disconnection): void {
    const leaveAt = this.#leaveAt;
    this.#transports.ended(last);
    if (performance.now() - this.#openedAt >= STABLE_MS) this.#tries = 0;
    this.#leaveLine();
    const isHarmless = last.code === ends.TOO_LARGE && this.#options.onTooLarge();
    if (ends.FINAL_CODES.includes(last.code) && !isHarmless) return this.close(last);
    this.#isRefused = last.code === ends.TOKEN_REFUSED;
    if (leaveAt !== null) this.#tries = 0;
    if (leaveAt === null) this.#wait(last);
    else this.#wait(last, Math.min(MOST_MS, Math.max(0, leaveAt - performance.now())));
    this.#options.onLost();
  }

  #wait(last: Disconnection | null, retryInMs = backoffMs(this.#tries++)): void {
    this.#timer = setTimeout(() => this.#connect(), retryInMs);
    this.#set(
      this.#isRefused
        ? { state: "unauthorized", retryInMs, last }
        : { state: "waiting", retryInMs, blocked: this.#transports.areBlocked, last },
    );
  }

  #leaveLine(code?: number): void {
    clearTimeout(this.#timer);
    this.#liveness.stop();
    this.#transports.left();
    this.#leaveAt = null;
    this.#openedAt = Infinity;
    this.#isLeaving = false;
    this.#renewing = undefined;
    const line = this.#line;
    this.#line = null;
    line?.leave(code);
  }
}

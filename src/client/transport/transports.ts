/**
 * Which way a line takes. WebSockets are tried first. If two on end have carried no frame, plain HTTP is
 * tried in turn with them; if that opens, something on the way lets no WebSocket through, and lines go over
 * HTTP. While one is open, it is tried now and then whether a WebSocket opens.
 */
import { NOT_CLOSED, TOKEN_REFUSED } from "./ends.ts";
import { httpLines } from "./http.ts";
import type { Disconnection, Line, LineEvents, OpenLine } from "./line.ts";
import { WayBack } from "./way_back.ts";

/** WebSockets on end that must have failed before HTTP is tried. */
const MIN_FAILED = 2;

/** Opens one line after another. */
export class Transports {
  readonly #openSocket: OpenLine;
  readonly #wayBack: WayBack;
  #current: "websocket" | "http" = "websocket";
  /** Whether the latest line has carried something, or is over HTTP and has opened. */
  #hasWorked = false;
  /** WebSockets on end that did not open, or carried no frame. */
  #failed = 0;
  /** Whether the latest try was over HTTP, and has failed. */
  #hasHttpFailed = false;
  #areBlocked = false;
  /** What the latest line was opened with. */
  #latest: [url: string, token: string | null] = ["", null];

  /**
   * @param options.open Opens a WebSocket
   * @param options.onWebSocket Called when a WebSocket has carried a frame, beside a line over HTTP
   */
  constructor({ open, onWebSocket }: { open: OpenLine; onWebSocket: () => void }) {
    this.#openSocket = open;
    this.#wayBack = new WayBack({
      open: (events) => open(...this.#latest, events),
      onOpen: () => {
        this.#succeeded("websocket");
        onWebSocket();
      },
      onFailed: () => this.#areBlocked = true,
    });
  }

  /** The way of the latest line. */
  get current(): "websocket" | "http" {
    return this.#current;
  }

  /** Whether WebSockets do not come through where plain HTTP does, as far as is known. */
  get areBlocked(): boolean {
    return this.#areBlocked;
  }

  /**
   * Opens a line. Call {@linkcode ended} when it has ended, and {@linkcode left} when it was left.
   *
   * @throws The address can't be used
   */
  open(url: string, token: string | null, events: LineEvents): Line {
    const isHttp = this.#failed >= MIN_FAILED && !this.#hasHttpFailed;
    this.#current = isHttp ? "http" : "websocket";
    this.#hasWorked = false;
    this.#latest = [url, token];
    return (isHttp ? httpLines : this.#openSocket)(url, token, {
      ...events,
      onOpen: () => {
        if (isHttp) {
          this.#succeeded("http");
          this.#wayBack.begin();
        }
        events.onOpen();
      },
      onFrame: (text) => {
        if (!this.#hasWorked) this.#succeeded(this.#current);
        events.onFrame(text);
      },
    });
  }

  /** Notes that the latest line has ended. */
  ended({ code }: Disconnection): void {
    // Without a token, some services refuse the handshake.
    if (code === TOKEN_REFUSED && !this.#areBlocked) return this.networkChanged();
    if (code !== NOT_CLOSED || this.#hasWorked) return;
    this.#hasHttpFailed = this.#current === "http";
    if (!this.#hasHttpFailed) this.#failed++;
  }

  left(): void {
    this.#wayBack.stop();
  }

  /** Notes that the network may be another one: a WebSocket is tried once more before HTTP. */
  networkChanged(): void {
    this.#failed = Math.min(this.#failed, MIN_FAILED - 1);
  }

  /** Tries at once whether a WebSocket opens, beside a line over HTTP. */
  tryWebSocket(): void {
    if (this.#current === "http") this.#wayBack.tryNow();
  }

  #succeeded(transport: "websocket" | "http"): void {
    this.#hasWorked = true;
    this.#hasHttpFailed = false;
    if (transport === "http") return;
    this.#areBlocked = false;
    this.#failed = 0;
  }
}

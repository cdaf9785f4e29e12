/**
 * Which way a line takes. WebSockets are tried first. If two tries on end have failed, plain HTTP is tried
 * in turn with them; if that opens, something on the way lets no WebSocket through, and lines go over
 * HTTP. While one is open, it is tried now and then whether a WebSocket opens.
 */
import { httpLines } from "./http.ts";
import type { Line, LineEvents, OpenLine } from "./line.ts";
import { WayBack } from "./way_back.ts";

/** Handshakes of WebSockets on end that must have failed before HTTP is tried. */
const MIN_FAILED = 2;

/** Opens one line after another. */
export class Transports {
  readonly #openSocket: OpenLine;
  readonly #wayBack: WayBack;
  #current: "websocket" | "http" = "websocket";
  /** Handshakes of WebSockets on end that have failed. */
  #failed = 0;
  /** Whether the latest try was over HTTP, and has failed. */
  #hasHttpFailed = false;
  #areBlocked = false;
  /** What the latest line was opened with. */
  #latest: [url: string, token: string | null] = ["", null];

  /**
   * @param options.open Opens a WebSocket
   * @param options.onWebSocket Called when a WebSocket has opened beside a line over HTTP
   */
  constructor({ open, onWebSocket }: { open: OpenLine; onWebSocket: () => void }) {
    this.#openSocket = open;
    this.#wayBack = new WayBack({
      open: (events) => open(...this.#latest, events),
      onOpen: () => {
        this.#succeeded("websocket");
        onWebSocket();
      },
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
   * Opens a line. Call {@linkcode failed} if it does not open, and {@linkcode left} when it was left.
   *
   * @throws The address can't be used
   */
  open(url: string, token: string | null, events: LineEvents): Line {
    const isHttp = this.#failed >= MIN_FAILED && (this.#areBlocked || !this.#hasHttpFailed);
    this.#current = isHttp ? "http" : "websocket";
    this.#latest = [url, token];
    return (isHttp ? httpLines : this.#openSocket)(url, token, {
      ...events,
      onOpen: () => {
        this.#succeeded(this.#current);
        if (isHttp) this.#wayBack.begin();
        events.onOpen();
      },
    });
  }

  /** Notes that the latest line did not open. */
  failed(): void {
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
    this.#hasHttpFailed = false;
    this.#areBlocked = transport === "http";
    if (!this.#areBlocked) this.#failed = 0;
  }
}

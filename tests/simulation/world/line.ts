/**
 * A connection between a client and an instance: the socket that the service has, and the line to the
 * client, which may be slow, stuck, or cut.
 */
import type { Loop, Process } from "../platform/loop.ts";
import type { Random } from "../platform/random.ts";

/** The client's end. */
export interface LineClient {
  opened(): unknown;
  /** Takes one frame. */
  frame(text: string): unknown;
  /** The connection is gone; without a code if it was cut or never opened. */
  closed(code: number | null): unknown;
}

/** What a {@linkcode Line} needs. */
export interface LineOptions {
  readonly loop: Loop;
  readonly random: Random;
  readonly process: Process;
}

const { CONNECTING, OPEN, CLOSING, CLOSED } = WebSocket;

/** The platform's reason for closing a socket that has not answered a ping. */
const PING_TIMEOUT = "No response from ping frame.";
/** Milliseconds after which the platform notices that a line is dead. */
const PING_MS = 30_000;

/** Milliseconds after which the service has given up a socket that has not opened, however slow the backend is. */
const NEVER_OPENED_MS = 20_000;

/** The socket and the line. */
export class Line {
  readonly process: Process;
  /** What has become of the frames that the client has not taken yet. */
  isStuck = false;
  /** Milliseconds for each frame; 0 for a fast line. */
  slowMs = 0;
  readonly #options: LineOptions;
  readonly #client: LineClient;
  readonly #listeners = new Map<string, EventListenerObject>();
  /** The frames that the client has not taken yet, and what happens in between. */
  readonly #frames: (string | (() => void))[] = [];
  #bytes = 0;
  #state: number = CONNECTING;
  /** The service's close frame, which waits behind the frames. */
  #closeCode: number | null = null;
  #isPumping = false;
  #isClientGone = false;
  /** When the latest frame of the client arrives: none overtakes another. */
  #arrivesAt = 0;
  /** When the latest frame of the service reaches the client. */
  #reachesAt = 0;

  constructor(client: LineClient, options: LineOptions) {
    this.#client = client;
    this.#options = options;
    this.process = options.process;
  }

  /** The socket, as the service has it. */
  get socket(): WebSocket {
    const state = () => this.#state;
    const bytes = () => this.#bytes;
    const socket = {
      binaryType: "blob",
      get readyState() {
        return state();
      },
      get bufferedAmount() {
        return bytes();
      },
      send: (text: string) => this.#send(text),
      close: (code = 1005) => this.#close(code),
      addEventListener: (type: string, listener: EventListenerObject) =>
        void this.#listeners.set(type, listener),
      removeEventListener: (type: string) => void this.#listeners.delete(type),
    };
    return socket as unknown as WebSocket;
  }

  get unsentBytes(): number {
    return this.#bytes;
  }

  /** Whether the client can send. */
  get isOpen(): boolean {
    return !this.#isClientGone && this.#state !== CONNECTING;
  }

  /** Whether the service still has the socket. */
  get isTaken(): boolean {
    return this.#state !== CLOSED;
  }

  /** The upgrade was answered. */
  open(): void {
    this.#inService(() => {
      if (this.#state !== CONNECTING || this.#isClientGone) return;
      this.#state = OPEN;
      this.#after(1, () => !this.#isClientGone && this.#client.opened());
      this.#dispatch("open", {});
    });
  }

  /** Sends a frame to the service. */
  sendToService(text: string): void {
    this.#inService(() => {
      if (this.#state === OPEN) this.#dispatch("message", { data: text });
    });
  }

  /** The client closes the connection. */
  close(): void {
    if (this.#isClientGone) return;
    this.#isClientGone = true;
    this.#inService(() => this.#closed(""));
  }

  /**
   * The line is cut.
   *
   * @param options.isNoticed Whether the service gets to know at once, else after a ping
   */
  cut({ isNoticed }: { isNoticed: boolean }): void {
    if (this.#isClientGone) return;
    this.#isClientGone = true;
    this.isStuck = true;
    const { loop, process } = this.#options;
    loop.after(isNoticed ? 1 : PING_MS, () => this.#closed(isNoticed ? "" : PING_TIMEOUT), process);
    this.#client.closed(null);
  }

  /** The service's process has died. */
  die(): void {
    if (this.#isClientGone) return;
    this.#isClientGone = true;
    this.#state = CLOSED;
    this.#client.closed(null);
  }

  /** Does something when the client has taken what was sent until now; never if the line ends before. */
  afterFrames(run: () => void): void {
    if (this.#frames.length === 0) run();
    else this.#frames.push(run);
  }

  /** The client takes frames again. */
  heal(): void {
    if (this.#isClientGone) return;
    this.isStuck = false;
    this.slowMs = 0;
    this.#pump();
  }

  #send(text: string): void {
    if (this.#state !== OPEN) return;
    this.#frames.push(text);
    this.#bytes += text.length;
    this.#pump();
  }

  #close(code: number): void {
    if (this.#state === CONNECTING) throw new DOMException("not open", "InvalidStateError");
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#closeCode = code;
    this.#pump();
  }

  /** Hands frames to the client, as fast as the line is. */
  #pump(): void {
    if (this.#isPumping || this.isStuck || this.#isClientGone) return;
    if (this.#frames.length === 0 && this.#closeCode === null) return;
    this.#isPumping = true;
    this.#after(this.slowMs || 2, () => {
      this.#isPumping = false;
      if (this.isStuck) return;
      do this.#takeFrame(); while (this.slowMs === 0 && this.#frames.length > 0);
      if (this.#frames.length === 0 && this.#closeCode !== null) this.#takeClose(this.#closeCode);
      else this.#pump();
    });
  }

  #takeFrame(): void {
    const next = this.#frames.shift();
    if (next === undefined) return;
    if (typeof next === "string") this.#bytes -= next.length;
    if (this.#isClientGone) return;
    if (typeof next === "string") this.#client.frame(next);
    else next();
  }

  #takeClose(code: number): void {
    if (this.#isClientGone) return;
    this.#isClientGone = true;
    this.#inService(() => this.#closed(""));
    this.#client.closed(code);
  }

  #closed(reason: string): void {
    if (this.#state === CLOSED) return;
    if (this.#state === CONNECTING) return this.#neverOpened();
    this.#state = CLOSED;
    this.#frames.length = 0;
    this.#bytes = 0;
    this.#dispatch("close", { reason });
  }

  /** The client hung up before its upgrade was answered: the platform's socket has no event at all. */
  #neverOpened(): void {
    this.#options.loop.after(NEVER_OPENED_MS, () => this.#state = CLOSED, this.process);
  }

  #dispatch(type: string, init: object): void {
    this.#listeners.get(type)?.handleEvent({ type, ...init } as Event);
  }

  /** Does something at the client's end, after what the service has sent before. */
  #after(ms: number, run: () => void): void {
    const { loop, random } = this.#options;
    this.#reachesAt = Math.max(this.#reachesAt, loop.now + ms * (0.2 + random.roll("line")));
    loop.after(this.#reachesAt - loop.now, run);
  }

  /** Does something at the service's end, after what the client has sent before. */
  #inService(run: () => void): void {
    const { loop, random, process } = this.#options;
    this.#arrivesAt = Math.max(this.#arrivesAt, loop.now + 2 * random.roll("line"));
    loop.after(this.#arrivesAt - loop.now, run, process);
  }
}

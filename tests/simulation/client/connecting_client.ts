/**
 * The connections of a client of the simulation, one after another: it connects, sends requests, takes
 * frames, and connects again.
 */
import { Violation } from "../oracle/knowledge.ts";
import type { SimulatedBackend } from "../world/backend.ts";
import type { Instance } from "../world/instance.ts";
import type { Line, LineClient } from "../world/line.ts";
import type { Log } from "../world/log.ts";
import type { Loop } from "../platform/loop.ts";
import type { Random } from "../platform/random.ts";
import type { Trace } from "../platform/trace.ts";
import { type Frame, readFrame } from "./frames.ts";
import { Requests } from "./requests.ts";
import type { SubscriptionWorld } from "./subscription.ts";

/** What all clients need. */
export interface ClientOptions {
  readonly log: Log;
  readonly backend: SimulatedBackend;
  readonly loop: Loop;
  readonly random: Random;
  readonly trace: Trace;
  readonly world: SubscriptionWorld;
  /** An instance to connect to, not the given one if there is another. */
  readonly pickInstance: (not: Instance | null) => Instance | null;
}

/** What a client is. */
export interface ClientInit {
  readonly name: string;
  readonly protocol: "none" | "wss.v1" | "wss.v1.batch";
  readonly endpoint: "/web" | "/mobile";
  readonly user: string;
  /** Whether its token comes with the upgrade. */
  readonly sendsHeader: boolean;
}

/** A client, as far as its connections go. */
export abstract class ConnectingClient {
  readonly name: string;
  readonly knowsVersion1: boolean;
  readonly endpoint: "/web" | "/mobile";
  line: Line | null = null;
  instance: Instance | null = null;
  protected readonly options: ClientOptions;
  protected readonly requests = new Requests();
  readonly #init: ClientInit;
  #isLeaving = false;
  /** When it may connect again, in milliseconds since 1970. */
  #awayUntil = 0;
  #state: "away" | "connecting" | "open" = "away";

  constructor(init: ClientInit, options: ClientOptions) {
    this.name = init.name;
    this.knowsVersion1 = init.protocol !== "none";
    this.endpoint = init.endpoint;
    this.#init = init;
    this.options = options;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether it has no connection, and none is being opened. */
  get isAway(): boolean {
    return this.#state === "away";
  }

  /** The token of the upgrade, if the client sends one there. */
  protected abstract tokenOfUpgrade(sendsHeader: boolean): string | null;
  /** The connection is open. */
  protected abstract opened(): void;
  /** The connection is gone, or has not opened. */
  protected abstract gone(isRefused: boolean): void;
  /** Takes a push, or an error that answers no request. */
  protected abstract takePush(frame: Frame): void;
  /** The connection was closed as its token is refused. */
  protected abstract refused(): void;
  /** Takes a reply, before it does what its request wants. */
  protected abstract answered(command: string): void;

  /** Connects, if it is not connected. */
  connect(): void {
    if (this.#state !== "away" || this.#isLeaving) return;
    const leftMs = this.#awayUntil - this.options.loop.now;
    if (leftMs > 0) return void this.options.loop.after(leftMs, () => this.connect());
    const { pickInstance } = this.options;
    const instance = pickInstance(this.instance);
    if (!instance) return this.later(200, () => this.connect());
    this.instance = instance;
    this.#state = "connecting";
    const { protocol, endpoint } = this.#init;
    const token = this.tokenOfUpgrade(this.#init.sendsHeader);
    this.note(`connects to ${instance.process.name}`);
    const line: Line = this.line = instance.connect(this.#endOf(() => this.line === line), {
      endpoint,
      protocols: protocol === "none" ? [] : [protocol],
      token,
    });
  }

  /** Its end of a new line. What an earlier line still has means nothing. */
  #endOf(isCurrent: () => boolean): LineClient {
    return {
      opened: () => isCurrent() && this.#opened(),
      frame: (text) => isCurrent() && this.#receive(text),
      closed: (code) => isCurrent() && this.#closed(code),
    };
  }

  /** Closes its connection. It connects again by itself, but not for a time. */
  leave({ forMs = 0 }: { forMs?: number } = {}): void {
    if (this.#state === "away") return;
    this.line?.close();
    this.#awayUntil = this.options.loop.now + forMs;
    this.#closed(1000);
  }

  /** Closes its connection for good. */
  quit(): void {
    this.#isLeaving = true;
    this.leave();
  }

  #opened(): void {
    this.#state = "open";
    this.note("is connected");
    this.opened();
  }

  #closed(code: number | null): void {
    if (this.#state === "away") return;
    this.note(`is disconnected: ${code}`);
    if (code === 4401) this.refused();
    const isRefused = code === 4401 || this.#state === "connecting";
    this.#state = "away";
    this.line = null;
    this.requests.clear();
    this.gone(isRefused);
    if (!this.#isLeaving) this.later(code === null ? 400 : 100, () => this.connect());
  }

  #receive(text: string): void {
    this.options.trace.step("frame", `${this.name} < ${text}`);
    const knowsBatches = this.#init.protocol === "wss.v1.batch";
    for (const frame of readFrame(text, { knowsBatches })) {
      if (this.#state !== "open") throw new Violation("a frame came before the socket was open");
      if (frame.rid === -1) this.takePush(frame);
      else {
        const { command, onReply } = this.requests.take(frame);
        this.answered(command);
        onReply(frame);
      }
    }
  }

  /** Does something later, if the connection is the same then. */
  protected later(ms: number, run: () => void): void {
    const { loop, random } = this.options;
    const { line } = this;
    loop.after(ms * (0.1 + random.roll(this.name)), () => {
      if (this.line === line) run();
    });
  }

  protected request(command: string, options: object, onReply: (reply: Frame) => void): void {
    if (this.#state !== "open" || !this.line) return;
    const text = this.requests.add(command, { options, onReply });
    this.options.trace.step("request", `${this.name} > ${text}`);
    this.line.sendToService(text);
  }

  protected expectVersion1(what: string): void {
    if (!this.knowsVersion1) throw new Violation(`${what} came to a client that does not know it`);
  }

  protected note(text: string): void {
    this.options.trace.note(`${this.name} ${text}`);
  }
}

/**
 * One socket, from its upgrade to its end. Both ways through the service end here: what is answered
 * (`request_handler`), and what is pushed (`outbox`).
 */
import { getLogger } from "@logtape/logtape";
import {
  logDefect,
  RequestHandler,
  type RequestHandlerOptions,
  type RequestSource,
} from "./request_handler.ts";
import type { Leaving } from "./drain.ts";
import type { StreamStatus } from "../sessions/stream_status.ts";
import type { Guest, IdleGuests } from "./idle_guests.ts";
import type { Metrics } from "../observe/metrics.ts";
import {
  Outbox,
  type OutboxOptions,
  type OutboxSocket,
  type SlowClient,
} from "../outbox/outbox.ts";
import { pushFrame, toJson } from "../protocol/frames.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import type { Session, SessionOptions } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { SocketOwner } from "./socket_events.ts";
import type { Trace } from "../observe/delivery_trace.ts";

const logger = getLogger(["wss", "connection"]);

/** What a connection uses of its socket. */
export type Socket = OutboxSocket & Pick<WebSocket, "close">;

/** What all connections share. */
export interface ConnectionOptions extends RequestHandlerOptions, OutboxOptions {
  readonly sessions: Sessions;
  readonly streamStatus: Pick<StreamStatus, "add" | "remove" | "greet">;
  readonly idleGuests: IdleGuests;
  readonly trace: Pick<Trace, "announced">;
  readonly metrics: RequestHandlerOptions["metrics"] & Pick<Metrics, "disconnects">;
  readonly limits: OutboxOptions["limits"] & RequestHandlerOptions["limits"] & {
    readonly maxMessageBytes: number;
  };
  /** Called when the socket of a connection has closed, at times more than once. */
  readonly onGone: (connection: Connection) => void;
}

/** A client, as it is known from its upgrade. */
export interface Client
  extends Pick<SessionOptions, "knowsVersion1" | "knowsBatches" | "endpoint"> {
  /** Whose token came with the upgrade, if one did (NET4). */
  readonly identity: { readonly user: string; readonly token: string } | null;
}

/** A client, from its upgrade to the end. */
export class Connection implements SocketOwner, RequestSource, SlowClient, Guest, Leaving {
  readonly session: Session;
  readonly outbox: Outbox;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #requests: RequestHandler;
  readonly #hasIdentity: boolean;
  #isClosed = false;
  /** How to close a socket that was to be closed before it was open. */
  #closeOnOpen: CloseCode | undefined;
  /** The slot that it could not be told yet (LIFE4). */
  #endAfterMs: number | undefined;

  constructor(socket: Socket, { identity, ...client }: Client, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.outbox = new Outbox(socket, this, options);
    this.session = options.sessions.open({ ...client, outbox: this.outbox });
    this.#requests = new RequestHandler(this, options);
    if (identity) this.session.logIn(identity);
    this.#hasIdentity = identity !== null;
    options.streamStatus.add(this.session);
    options.idleGuests.add(this);
  }

  /** The session's id. */
  get id(): string {
    return this.session.id;
  }

  /** The path at which it has connected. */
  get endpoint(): SessionOptions["endpoint"] {
    return this.session.endpoint;
  }

  opened(): void {
    if (this.#closeOnOpen) this.close(this.#closeOnOpen);
    // Logged out since it was identified; nobody could tell it.
    else if (this.#hasIdentity && this.session.user === null) this.close(CLOSE.tokenRefused);
    else if (this.#endAfterMs !== undefined) this.announceEnd(this.#endAfterMs);
  }

  /** Takes one message of the socket. Never throws: that would end the process. */
  receive(data: unknown): void {
    try {
      if (this.#isClosed) return;
      if (typeof data !== "string") this.close(CLOSE.unsupportedData);
      else if (this.#isTooBig(data)) this.close(CLOSE.messageTooBig);
      else this.#requests.receive(data);
    } catch (defect) {
      logDefect(defect, { session: this.session.id });
      this.close(CLOSE.internalError);
    }
  }

  /** Ends the connection from this side; the session is gone at once, whatever the peer does. */
  close(close: CloseCode): void {
    this.#end(close.name);
    if (this.#socket.readyState === WebSocket.CONNECTING) {
      this.#closeOnOpen = close;
      return;
    }
    try {
      this.#socket.close(close.code, close.reason);
    } catch (error) {
      logger.debug("A socket could not be closed: {error}", { error });
    }
  }

  gone(why: Parameters<SocketOwner["gone"]>[0]): void {
    this.#end(why);
    this.#closeOnOpen ??= CLOSE.restart;
    this.#options.onGone(this);
  }

  /** Forgets the session (LIFE3). */
  #end(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#requests.end();
    this.#options.metrics.disconnects.inc({ reason: why });
    logger.debug("A session ended: {why}", { session: this.session.id, why });
    this.#options.sessions.close(this.session, why);
    this.#options.streamStatus.remove(this.session);
    this.#options.idleGuests.remove(this);
    this.outbox.end();
  }

  idleForMs(now: number): number {
    const { user, isSubscribed, activeAt } = this.session;
    return user === null && !isSubscribed && this.#requests.isIdle ? now - activeAt : 0;
  }

  closeAsTooSlow(): void {
    this.close(CLOSE.tooSlow);
  }

  closeAsIdle(): void {
    this.close(CLOSE.idleGuest);
  }

  announceEnd(afterMs: number): void {
    if (this.#isClosed || !this.session.knowsVersion1) return;
    this.#endAfterMs = afterMs;
    const { isLive, isSubscribed } = this.session;
    const { cursor } = this.#options.resumePoints;
    const payload = toJson({ afterMs });
    const place = isLive && isSubscribed ? { cursor } : {};
    this.outbox.send(pushFrame("server", { status: "reconnect", payload, ...place }));
    this.#options.trace.announced("server", "reconnect");
  }

  async leave(): Promise<void> {
    await this.#requests.drain();
    this.cut();
  }

  giveUp(): void {
    this.#requests.giveUp();
  }

  cut(): void {
    if (!this.#isClosed) this.close(CLOSE.restart);
  }

  #isTooBig(text: string): boolean {
    const { maxMessageBytes } = this.#options.limits;
    // A UTF-16 unit is one to three bytes of UTF-8, so that most frames need not be encoded.
    if (text.length > maxMessageBytes) return true;
    return text.length * 3 > maxMessageBytes &&
      new TextEncoder().encode(text).byteLength > maxMessageBytes;
  }
}

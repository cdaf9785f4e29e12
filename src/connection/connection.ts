/**
 * One client's connection, from its upgrade to its end. The two ways through the service end here, at
 * the socket: replies come from `request_handler`, pushes come from the session, and both go out
 * through the `outbox`.
 */
import { Buffer } from "node:buffer";
import { getLogger } from "@logtape/logtape";
import type { Deliveries } from "../observe/deliveries.ts";
import type { Metrics } from "../observe/metrics.ts";
import {
  Outbox,
  type OutboxOptions,
  type OutboxSocket,
  type SlowClient,
} from "../outbox/outbox.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import { pushFrame, type Reply, toJson } from "../protocol/frames.ts";
import type { Login } from "../backend/tokens.ts";
import type { RefusableConnection, Session, SessionOptions } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { StreamStatus } from "../sessions/stream_status.ts";
import { logDefect } from "./defect.ts";
import type { Leaving } from "./drain.ts";
import type { Guest, IdleGuests } from "./idle_guests.ts";
import {
  RequestHandler,
  type RequestHandlerOptions,
  type RequestSource,
} from "./request_handler.ts";
import type { SocketOwner } from "./socket_events.ts";

const logger = getLogger(["wss", "connection"]);

/** The part of a socket that a connection needs. */
export type Socket = OutboxSocket & Pick<WebSocket, "close"> & {
  /** Called right before the frame of a reply is sent; for sockets whose first reply decides. */
  replying?(reply: Reply): void;
};

/** What all connections share. */
export interface ConnectionOptions extends RequestHandlerOptions, OutboxOptions {
  readonly sessions: Sessions;
  readonly streamStatus: Pick<StreamStatus, "add" | "remove" | "greet">;
  readonly idleGuests: Pick<IdleGuests, "add" | "remove">;
  readonly deliveries: Pick<Deliveries, "announced">;
  readonly metrics: RequestHandlerOptions["metrics"] & Pick<Metrics, "disconnects">;
  readonly limits: OutboxOptions["limits"] & RequestHandlerOptions["limits"] & {
    readonly maxMessageBytes: number;
  };
  /** Called when the socket of a connection is gone, possibly more than once. */
  readonly onGone: (connection: Connection) => void;
}

/** What the upgrade tells about a client. */
export interface Client
  extends
    Pick<SessionOptions, "knowsVersion1" | "knowsBatches" | "endpoint" | "address" | "transport"> {
  /** The user whose token came with the upgrade; `null` for a guest (NET4). */
  readonly identity: Login | null;
}

/** Ties a session, its requests and its outbox to a socket. */
export class Connection
  implements SocketOwner, RequestSource, SlowClient, Guest, Leaving, RefusableConnection {
  readonly session: Session;
  readonly outbox: Outbox;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #requests: RequestHandler;
  readonly #hasIdentity: boolean;
  #isClosed = false;
  /** How to close the socket when it opens, if it was to be closed before that. */
  #closeOnOpen: CloseCode | undefined;
  /** The milliseconds to announce when the socket opens, if it is not open yet (LIFE4). */
  #endAfterMs: number | undefined;

  constructor(socket: Socket, { identity, ...client }: Client, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.outbox = new Outbox(socket, this, options);
    this.session = options.sessions.open({ ...client, outbox: this.outbox, connection: this });
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

  /** The path at which the client has connected. */
  get endpoint(): SessionOptions["endpoint"] {
    return this.session.endpoint;
  }

  /** Whether the session has ended. The socket may still be closing. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  opened(): void {
    if (this.#closeOnOpen) this.close(this.#closeOnOpen);
    // The session was logged out before the socket opened, when the client could not be told.
    else if (this.#hasIdentity && this.session.user === null) this.close(CLOSE.tokenRefused);
    else if (this.#endAfterMs !== undefined) this.announceEnd(this.#endAfterMs);
  }

  /** Takes one message from the socket. Never throws, because that would end the process. */
  receive(data: unknown): void {
    this.guard(() => {
      if (this.#isClosed) return;
      if (typeof data !== "string") return this.close(CLOSE.unsupportedData);
      const bytes = Buffer.byteLength(data);
      if (bytes > this.#options.limits.maxMessageBytes) this.close(CLOSE.messageTooBig);
      else this.#requests.receive(data, bytes);
    });
  }

  guard(work: () => void): void {
    try {
      work();
    } catch (defect) {
      logDefect(defect, { session: this.session.id });
      this.close(CLOSE.internalError);
    }
  }

  replying(reply: Reply): void {
    this.#socket.replying?.(reply);
  }

  /** Ends the session, as all that its client has asked for is answered (HTTP1). */
  answered(): void {
    this.#end("answered");
  }

  /** Ends the session at once, and closes the socket, however long the client takes for that. */
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

  /** Ends the session, and everything that refers to it (LIFE3). */
  #end(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#requests.end();
    if (why !== "answered") this.#options.metrics.disconnects.inc({ reason: why });
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

  async closeAsRefused(): Promise<void> {
    await this.#requests.drain();
    // A stream of the schedule goes on as a guest's (HTTP4).
    const { transport, isSubscribed } = this.session;
    const goesOn = transport === "stream" && isSubscribed;
    if (!this.#isClosed && !goesOn) this.close(CLOSE.tokenRefused);
  }

  announceEnd(afterMs: number): void {
    if (this.#isClosed || !this.session.knowsVersion1) return;
    this.#endAfterMs = afterMs;
    const { isLive, isSubscribed } = this.session;
    const { cursor } = this.#options.resumePoints;
    const payload = toJson({ afterMs });
    const place = isLive && isSubscribed ? { cursor } : {};
    this.outbox.send(pushFrame("server", { status: "reconnect", payload, ...place }));
    this.#options.deliveries.announced({ type: "server", kind: "reconnect" });
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
}

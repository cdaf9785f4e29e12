/**
 * The clients' port: admits clients, makes a connection of each upgraded socket, and ends the
 * connections when the service stops (LIFE4).
 */
import type { Backend } from "../backend/backend.ts";
import type { Tokens } from "../backend/tokens.ts";
import { type CommandTables, createCommandTables, tablesFor } from "../commands/table.ts";
import {
  type Client,
  Connection,
  type ConnectionOptions,
  type Socket,
} from "../connection/connection.ts";
import { drain } from "../connection/drain.ts";
import { IdleGuests } from "../connection/idle_guests.ts";
import { createLargeFrames } from "../connection/request_handler.ts";
import { Admission } from "../http/admission.ts";
import { Comments } from "../http/exchange/comments.ts";
import type { ExchangeClient } from "../http/exchange/exchanges.ts";
import type { Health } from "../http/health.ts";
import { Listener } from "../http/listen.ts";
import { createHandler, type Fallback } from "../http/server.ts";
import type { Deliveries } from "../observe/deliveries.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { VitalParts } from "../observe/vital_parts.ts";
import { Batches } from "../outbox/batching.ts";
import { SlowClients } from "../outbox/outbox.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import type { Session } from "../sessions/session.ts";
import type { Settings } from "../settings/settings.ts";
import { isDoneWithin } from "../util/delay.ts";
import type { LogDelivery } from "./delivery.ts";
import { shutDown } from "./shut_down.ts";

/** Milliseconds that sockets get at the end to send what is still unsent, the close frame included. */
const CLOSE_MS = 5000;

/** The settings of the clients' port and of its connections. */
export type ClientsPortSettings = Pick<
  Settings,
  | "HOST"
  | "PORT"
  | "REUSE_PORT"
  | "ALLOWED_ORIGINS"
  | "AUTH_REQUIRED"
  | "TRUST_PROXY"
  | "MAX_CONNECTIONS"
  | "MAX_CONNECTIONS_PER_IP"
  | "PING_SECONDS"
  | "IDLE_GUEST_SECONDS"
  | "CURSOR_SECONDS"
  | "DRAIN_SECONDS"
  | "BACKEND_TIMEOUT_MS"
  | ConnectionSetting
>;

type ConnectionSetting =
  | "MAX_BUFFERED_BYTES"
  | "SLOW_TIMEOUT_SECONDS"
  | "RATE_LIMIT"
  | "RATE_LIMIT_BYTES"
  | "MAX_SUBSCRIPTIONS"
  | "MAX_SESSION_BYTES"
  | "MAX_MESSAGE_BYTES"
  | "MAX_INFLIGHT"
  | "MAX_WAITING";

/** What {@linkcode ClientsPort} needs. */
export interface ClientsPortOptions {
  readonly delivery: Pick<LogDelivery, "sessions" | "streamStatus" | "resumePoints">;
  readonly backend: Backend;
  readonly tokens: Tokens;
  readonly health: Health;
  readonly deliveries: Deliveries;
  readonly metrics: Metrics;
  readonly parts: Pick<VitalParts, "watch" | "watchTimer">;
  /** Answers paths that the service does not know. */
  readonly fallback: Fallback;
}

/** The port where clients connect, with all of its connections. */
export class ClientsPort {
  readonly slowClients = new SlowClients();
  readonly #settings: ClientsPortSettings;
  readonly #options: ClientsPortOptions;
  readonly #admission: Admission;
  readonly #idleGuests: IdleGuests;
  readonly #comments: Comments;
  readonly #batches = new Batches();
  readonly #connectionOptions: ConnectionOptions;
  readonly #exchangeCommands: Readonly<Record<ExchangeClient["transport"], CommandTables>>;
  /** By session id, until the socket has closed, which is later than the end of the session. */
  readonly #connections = new Map<string, Connection>();
  readonly #stopping = new AbortController();
  #listener: Listener | undefined;
  /** Called when the last socket has closed, if somebody waits for it. */
  #onEmpty: (() => void) | undefined;

  constructor(settings: ClientsPortSettings, options: ClientsPortOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#admission = new Admission({
      allowedOrigins: settings.ALLOWED_ORIGINS,
      maxConnections: settings.MAX_CONNECTIONS,
      maxConnectionsPerIp: settings.MAX_CONNECTIONS_PER_IP,
      trustProxy: settings.TRUST_PROXY,
    });
    this.#idleGuests = new IdleGuests(settings.IDLE_GUEST_SECONDS * 1000);
    const { delivery, backend, tokens, deliveries, metrics, parts } = options;
    this.#comments = new Comments(settings.CURSOR_SECONDS * 1000);
    parts.watchTimer("idle_guests", () => this.#idleGuests.lookedAt);
    parts.watchTimer("comments", () => this.#comments.lookedAt);
    const commands = createCommandTables(backend);
    this.#exchangeCommands = {
      stream: tablesFor("stream", commands),
      post: tablesFor("post", commands),
    };
    this.#connectionOptions = {
      commands,
      backend,
      largeFrames: createLargeFrames(),
      tokens,
      resumePoints: delivery.resumePoints,
      sessions: delivery.sessions,
      streamStatus: delivery.streamStatus,
      slowClients: this.slowClients,
      idleGuests: this.#idleGuests,
      deliveries,
      metrics,
      limits: limitsOf(settings),
      onGone: (connection) => this.#forget(connection),
    };
  }

  /** Slots that are taken, by sockets and by upgrades; more than sessions if peers keep closed sockets. */
  get connections(): number {
    return this.#admission.size;
  }

  /**
   * Starts listening.
   *
   * @returns Where clients connect
   * @throws {ListenError} For example, the port is taken
   */
  start(): Listener["address"] {
    const { HOST, PORT, REUSE_PORT, PING_SECONDS, AUTH_REQUIRED } = this.#settings;
    const { tokens, health, metrics, parts, fallback } = this.#options;
    const part = parts.watch("clients_port");
    this.#listener = new Listener(
      { hostname: HOST, port: PORT, reusePort: REUSE_PORT, onDown: part.down, onUp: part.up },
      createHandler({
        pingSeconds: PING_SECONDS,
        authRequired: AUTH_REQUIRED,
        admission: this.#admission,
        tokens,
        signal: this.#stopping.signal,
        health,
        metrics,
        fallback,
        comments: this.#comments,
        limits: this.#connectionOptions.limits,
        connect: (socket, client) => this.#connect(socket, client),
        exchange: (socket, client) => this.#exchange(socket, client),
      }),
    );
    return this.#listener.address;
  }

  /** Closes the connection of a session, for an operator. */
  close({ id }: Pick<Session, "id">): void {
    this.#connections.get(id)?.close(CLOSE.byOperator);
  }

  /** Gives up upgrades whose token is still being checked. `health` refuses later ones. */
  refuse(): void {
    this.#stopping.abort();
  }

  /** Tells clients to leave, answers requests under way, and closes all connections from this side. */
  async drain(): Promise<void> {
    await drain([...this.#connections.values()], {
      drainMs: this.#settings.DRAIN_SECONDS * 1000,
      requestsMs: this.#settings.BACKEND_TIMEOUT_MS,
    });
    // Until then, every session is served as before.
    this.#idleGuests.stop();
    this.#comments.stop();
  }

  /** Stops listening once the sockets have closed. An earlier end would cut off what is still unsent. */
  async stop(): Promise<void> {
    await isDoneWithin(CLOSE_MS, this.#empty());
    if (this.#listener) await shutDown(this.#listener);
  }

  #connect(socket: Socket, client: Client): Connection {
    const messages = client.knowsBatches ? this.#batches.wrap(socket) : socket;
    return this.#add(new Connection(messages, client, this.#connectionOptions));
  }

  #exchange(socket: Socket, { rateLimit, ...client }: ExchangeClient): Connection {
    const commands = this.#exchangeCommands[client.transport];
    const options = { ...this.#connectionOptions, commands, ...(rateLimit ? { rateLimit } : {}) };
    return this.#add(new Connection(socket, client, options));
  }

  #add(connection: Connection): Connection {
    const { id, endpoint, session: { transport } } = connection;
    this.#connections.set(id, connection);
    this.#options.metrics.connections.inc({ endpoint, transport });
    return connection;
  }

  #forget({ id, endpoint, session: { transport } }: Connection): void {
    if (this.#connections.delete(id)) {
      this.#options.metrics.connections.dec({ endpoint, transport });
    }
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** Resolves when no socket is left. */
  #empty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty = resolve);
  }
}

function limitsOf(settings: Pick<Settings, ConnectionSetting>): ConnectionOptions["limits"] {
  return {
    maxBufferedBytes: settings.MAX_BUFFERED_BYTES,
    slowTimeoutMs: settings.SLOW_TIMEOUT_SECONDS * 1000,
    rates: { requests: settings.RATE_LIMIT, bytes: settings.RATE_LIMIT_BYTES },
    maxSubscriptions: settings.MAX_SUBSCRIPTIONS,
    maxSessionBytes: settings.MAX_SESSION_BYTES,
    maxMessageBytes: settings.MAX_MESSAGE_BYTES,
    maxInflight: settings.MAX_INFLIGHT,
    maxWaiting: settings.MAX_WAITING,
  };
}

/**
 * All parts wired together, with the log given, so that Kafka and the embedded log are served by
 * the same service.
 */
import { getLogger } from "@logtape/logtape";
import { startAdmin } from "./admin/admin.ts";
import { createBackend } from "./backend/backend.ts";
import { Batches } from "./outbox/batching.ts";
import { createCommandTables } from "./commands/table.ts";
import type { Settings } from "./settings/settings.ts";
import { Connection, type ConnectionOptions } from "./connection/connection.ts";
import { listen } from "./http/listen.ts";
import type { LogReader } from "./log/reader.ts";
import { createRecordHandler } from "./sessions/consume.ts";
import { isDoneWithin } from "./util/delay.ts";
import { drain } from "./connection/drain.ts";
import { FanOut } from "./sessions/fan_out.ts";
import { createFeed } from "./sessions/catch_up.ts";
import { startLoopDelayMonitor } from "./observe/loop_delay.ts";
import { Freshness } from "./log/freshness.ts";
import { createAdmission } from "./http/admission.ts";
import { createGauges } from "./admin/gauges.ts";
import type { Health } from "./http/health.ts";
import { createStreamStatus } from "./sessions/stream_status.ts";
import { createIdleGuests } from "./connection/idle_guests.ts";
import { createMetrics } from "./observe/metrics.ts";
import { SlowClients } from "./outbox/outbox.ts";
import { createResumePoints } from "./log/resume.ts";
import { CLOSE } from "./protocol/close_codes.ts";
import { createQuarantine, type Quarantine } from "./log/quarantine.ts";
import { createReloads, type Reloads } from "./sessions/reloads.ts";
import { createRevalidation, type Revalidation } from "./sessions/revalidation.ts";
import { createHandler, type Fallback, notFound } from "./http/server.ts";
import { createSessions, type Sessions } from "./sessions/sessions.ts";
import { Stream } from "./log/stream.ts";
import { createTokens } from "./backend/tokens.ts";
import { Trace } from "./observe/delivery_trace.ts";

const logger = getLogger(["wss", "service"]);

/** Milliseconds that sockets get at the end to send what they still have, the close frame included. */
const CLOSE_MS = 5000;
/** Milliseconds that a step of the end may take which should take none, whatever a peer does. */
const STEP_MS = 700;

/** The settings of everything but the log. */
export type ServiceSettings =
  & Omit<Settings, `KAFKA_${string}`>
  & Pick<Settings, "KAFKA_TOPIC">;

/** A running service. */
export interface Service {
  /** Where clients connect. */
  readonly address: { readonly hostname: string; readonly port: number };
  readonly sessions: Sessions;
  /** How many sockets there are; more than sessions, where peers don't let go of them. */
  readonly connections: number;
  readonly slowClients: Pick<SlowClients, "size">;
  readonly reloads: Pick<Reloads, "size">;
  readonly quarantine: Quarantine;
  readonly stream: Stream;
  readonly revalidation: Pick<Revalidation, "size">;
  /** Resolves with true when clients are served, with false where it was stopped before that. */
  readonly ready: Promise<boolean>;
  /** Resolves, with the reason, where the log can't be read any more. */
  readonly failed: Promise<string>;
  /** Sends clients away and ends (LIFE4); takes at most SHUTDOWN_SECONDS. */
  stop(): Promise<void>;
}

/**
 * Starts the service; it listens when this returns.
 *
 * @param options.fallback Answers paths on the clients' port that the service does not know
 * @throws {ListenError} Such as where a port is taken
 */
export function startService(
  settings: ServiceSettings,
  reader: LogReader,
  { fallback = notFound }: { fallback?: Fallback | undefined } = {},
): Service {
  let state: "starting" | "ready" | "stopping" = "starting";
  /** Until their sockets have closed, which is later than the end of their sessions. */
  const connections = new Map<string, Connection>();
  let noneLeft: (() => void) | undefined;
  const stopping = new AbortController();
  const failed = Promise.withResolvers<string>();

  const metrics = createMetrics();
  const trace = new Trace(metrics);
  const backend = createBackend({
    urls: {
      user: settings.API_URL_USER,
      notification: settings.API_URL_NOTIFICATION,
      schedule: settings.API_URL_SCHEDULE_MOBILE,
      tournament: settings.API_URL_TOURNAMENT_MOBILE,
    },
    poolSize: settings.REQUEST_POOL_SIZE,
    timeoutMs: settings.BACKEND_TIMEOUT_MS,
    maxBytes: settings.MAX_BACKEND_BYTES,
    metrics,
  });
  const tokens = createTokens({ backend, cacheMs: settings.AUTH_CACHE_SECONDS * 1000 });
  const revalidation = createRevalidation({
    tokens,
    periodMs: settings.AUTH_REVALIDATE_SECONDS * 1000,
  });
  const stream = new Stream({
    topic: settings.KAFKA_TOPIC,
    windowMs: settings.RECOVERY_WINDOW_SECONDS * 1000,
    maxBytes: settings.RECOVERY_MAX_BYTES,
  });
  const fanOut = new FanOut({ stream, trace });
  const reloads = createReloads({
    backend,
    fanOut,
    concurrency: settings.RELOAD_CONCURRENCY,
    metrics,
  });
  const feed = createFeed({ stream, fanOut, reloads, trace });
  const sessions = createSessions({ feed, fanOut, onToken: revalidation.onToken });
  const freshness = new Freshness({
    afterMs: settings.DEGRADED_AFTER_SECONDS * 1000,
    now: Date.now(),
  });
  const streamStatus = createStreamStatus({
    sessions,
    stream,
    freshness,
    trace,
    periodMs: settings.CURSOR_SECONDS * 1000,
  });
  const resumePoints = createResumePoints({ stream, askEnds: reader.askEnds });
  const slowClients = new SlowClients();
  const batches = new Batches();
  const idleGuests = createIdleGuests(settings.IDLE_GUEST_SECONDS * 1000);
  const quarantine = createQuarantine(settings.QUARANTINE_SIZE);
  const connectionOptions: ConnectionOptions = {
    commands: createCommandTables(backend),
    backend,
    tokens,
    resumePoints,
    sessions,
    streamStatus,
    slowClients,
    idleGuests,
    trace,
    metrics,
    limits: {
      maxBufferedBytes: settings.MAX_BUFFERED_BYTES,
      slowTimeoutMs: settings.SLOW_TIMEOUT_SECONDS * 1000,
      rateLimit: settings.RATE_LIMIT,
      maxSubscriptions: settings.MAX_SUBSCRIPTIONS,
      maxMessageBytes: settings.MAX_MESSAGE_BYTES,
      maxInflight: settings.MAX_INFLIGHT,
      maxWaiting: settings.MAX_WAITING,
    },
    onGone({ id, endpoint }) {
      if (connections.delete(id)) metrics.connections.dec({ endpoint });
      if (connections.size === 0) noneLeft?.();
    },
  };

  const admission = createAdmission({
    allowedOrigins: settings.ALLOWED_ORIGINS,
    maxConnections: settings.MAX_CONNECTIONS,
    maxConnectionsPerIp: settings.MAX_CONNECTIONS_PER_IP,
    trustProxy: settings.TRUST_PROXY,
  });

  const health: Health = {
    get isReady() {
      return state === "ready";
    },
    get isDegraded() {
      return streamStatus.isDegraded;
    },
  };

  const server = listen(
    { hostname: settings.HOST, port: settings.PORT, reusePort: settings.REUSE_PORT },
    createHandler({
      pingSeconds: settings.PING_SECONDS,
      authRequired: settings.AUTH_REQUIRED,
      admission,
      tokens,
      signal: stopping.signal,
      health,
      metrics,
      fallback,
      connect(socket, client) {
        const messages = client.knowsBatches ? batches.wrap(socket) : socket;
        const connection = new Connection(messages, client, connectionOptions);
        connections.set(connection.id, connection);
        metrics.connections.inc({ endpoint: client.endpoint });
        return connection;
      },
    }),
  );

  const ready = reader.start(
    createRecordHandler({
      topic: settings.KAFKA_TOPIC,
      stream,
      sessions,
      fanOut,
      tokens,
      quarantine,
      freshness,
      trace,
      metrics,
      onRead: feed.onRead,
      onFailure: failed.resolve,
    }),
    { since: Date.now() - settings.RECOVERY_WINDOW_SECONDS * 1000 },
  ).then(() => {
    trace.filled(stream.window.nextSeq);
    if (state === "starting") state = "ready";
    return state === "ready";
  });
  ready.catch((error) => failed.resolve(`Cannot read the log: ${error.message}`));

  const admin = startAdmin(settings, {
    topic: settings.KAFKA_TOPIC,
    registry: metrics.registry,
    refresh: createGauges(metrics.registry, {
      sessions,
      stream,
      freshness,
      streamStatus,
      slowClients,
      reloads,
      backend,
      trace,
      hostEnv: settings.HOST_ENV,
      instanceId: settings.INSTANCE_ID,
    }),
    health,
    stream,
    sessions,
    trace,
    quarantine,
    replay: reader.replay,
    close: ({ id }) => connections.get(id)?.close(CLOSE.byOperator),
  });
  const loopMonitor = startLoopDelayMonitor(metrics);

  /** Resolves when no socket is left. */
  function closed(): Promise<void> {
    if (connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => noneLeft = resolve);
  }

  async function end(): Promise<void> {
    await drain([...connections.values()], {
      drainMs: settings.DRAIN_SECONDS * 1000,
      requestsMs: settings.BACKEND_TIMEOUT_MS,
    });
    streamStatus.stop();
    loopMonitor.stop();
    await Promise.all([
      reader.stop(),
      // Not before the sockets have closed: it cuts off what they still have to send.
      isDoneWithin(CLOSE_MS, closed()).then(() => isDoneWithin(STEP_MS, server.shutdown())),
    ]);
    if (admin) await isDoneWithin(STEP_MS, admin.shutdown());
  }

  return {
    address: server.addr,
    sessions,
    get connections() {
      return admission.size;
    },
    slowClients,
    reloads,
    quarantine,
    stream,
    revalidation,
    ready,
    failed: failed.promise,
    async stop() {
      state = "stopping";
      stopping.abort();
      revalidation.stop();
      idleGuests.stop();
      const isDone = await isDoneWithin(settings.SHUTDOWN_SECONDS * 1000, end());
      if (!isDone) logger.warn("Not all could be ended within SHUTDOWN_SECONDS");
    },
  };
}

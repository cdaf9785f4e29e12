/**
 * All parts wired together, with the log given, so that Kafka and the embedded log are served by
 * the same service.
 */
import { getLogger } from "@logtape/logtape";
import { createBackend } from "./backend.ts";
import { createCommandTables } from "./commands/table.ts";
import type { Settings } from "./config.ts";
import { Connection } from "./connection.ts";
import type { LogReader } from "./log_reader.ts";
import { createMessageHandler } from "./messages.ts";
import { CLOSE } from "./protocol.ts";
import { createQuarantine, type Quarantine } from "./quarantine.ts";
import { createReloads, type Reloads } from "./reloads.ts";
import { createHandler } from "./server.ts";
import { createSessions, type Sessions } from "./sessions.ts";

const log = getLogger(["wss", "service"]);

/** Milliseconds that requests under way get to be answered at the end. */
const DRAIN_MS = 2500;
/** Milliseconds that each further step of the end may take, whatever a peer does. */
const STEP_MS = 700;

/** The settings of everything but the log. */
export type ServiceSettings = Omit<Settings, `KAFKA_${string}`>;

/** A running service. */
export interface Service {
  /** Where clients connect. */
  readonly address: { readonly hostname: string; readonly port: number };
  readonly sessions: Sessions;
  readonly reloads: Pick<Reloads, "size">;
  readonly quarantine: Quarantine;
  /** Resolves when clients are served. */
  readonly ready: Promise<void>;
  /** Resolves, with the reason, where the log can't be read any more. */
  readonly failed: Promise<string>;
  /** Stops accepting, answers what is under way, closes with 1001. Takes at most 5 s. */
  stop(): Promise<void>;
}

/**
 * Starts the service; it listens when this returns.
 *
 * @throws {Deno.errors.AddrInUse} The port is taken
 */
export function startService(settings: ServiceSettings, reader: LogReader): Service {
  let state: "starting" | "ready" | "stopping" = "starting";
  /** Until their sockets have closed, which is later than the end of their sessions. */
  const connections = new Set<Connection>();
  let noneLeft: (() => void) | undefined;
  const failed = Promise.withResolvers<string>();

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
  });
  const sessions = createSessions();
  const reloads = createReloads({ backend, concurrency: settings.RELOAD_CONCURRENCY });
  const quarantine = createQuarantine(settings.QUARANTINE_SIZE);
  const commands = createCommandTables(backend);

  const server = Deno.serve(
    {
      hostname: settings.HOST,
      port: settings.PORT,
      onListen: () => {},
    },
    createHandler({
      pingSeconds: settings.PING_SECONDS,
      isReady: () => state === "ready",
      connect(endpoint, socket) {
        const connection = new Connection(socket, {
          commands: commands[endpoint],
          backend,
          sessions,
          limits: {
            maxMessageBytes: settings.MAX_MESSAGE_BYTES,
            maxInflight: settings.MAX_INFLIGHT,
            maxWaiting: settings.MAX_WAITING,
          },
        });
        connections.add(connection);
        // It was upgraded just before the end began.
        if (state === "stopping") connection.close(CLOSE.goingAway);
        return connection;
      },
      onClosed(connection) {
        connections.delete(connection);
        if (connections.size === 0) noneLeft?.();
      },
    }),
  );

  const ready = reader.start({
    onRecords: createMessageHandler({ sessions, reloads, quarantine }),
    onFailure: failed.resolve,
  }).then(() => {
    if (state === "starting") state = "ready";
  });
  ready.catch((error) => failed.resolve(`Cannot read the log: ${error.message}`));

  async function closeConnections(): Promise<void> {
    const drained = Promise.all([...connections].map((connection) => connection.drain()));
    await within(DRAIN_MS, drained);
    for (const connection of connections) connection.giveUp();
    // Replies to what was given up go out in this turn.
    await within(STEP_MS, drained);
    const closed = Promise.withResolvers<void>();
    noneLeft = closed.resolve;
    for (const connection of connections) connection.close(CLOSE.goingAway);
    // Not before the sockets have closed: shutdown() cuts off what they still have to send.
    if (connections.size > 0) await within(STEP_MS, closed.promise);
    await within(STEP_MS, server.shutdown());
  }

  return {
    address: server.addr,
    sessions,
    reloads,
    quarantine,
    ready,
    failed: failed.promise,
    async stop() {
      state = "stopping";
      await Promise.all([
        closeConnections(),
        within(DRAIN_MS + STEP_MS, reader.stop()).then((stopped) => {
          if (!stopped) log.warn("Reading the log could not be ended in time");
        }),
      ]);
    },
  };
}

/** Waits for the work, but no longer; whether it was done in time. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const timeout = Promise.withResolvers<false>();
  const timer = setTimeout(() => timeout.resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}

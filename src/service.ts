/**
 * Wires the three parts of the service: the delivery (from the log to the sessions), the clients' port
 * and the admin port. Shows in which order they start and end (LIFE4).
 */
import { getLogger } from "@logtape/logtape";
import { Backend } from "./backend/backend.ts";
import { Jwts } from "./backend/jwt/jwts.ts";
import { Tokens } from "./backend/tokens.ts";
import type { Health } from "./http/health.ts";
import { type Fallback, notFound } from "./http/server.ts";
import type { Quarantine } from "./log/quarantine.ts";
import type { LogReader } from "./log/reader.ts";
import type { Stream } from "./log/stream.ts";
import { Deliveries } from "./observe/deliveries.ts";
import { DeliveryMetrics } from "./observe/delivery_metrics.ts";
import { DeliveryTrace } from "./observe/delivery_trace.ts";
import { createMetrics } from "./observe/metrics.ts";
import { createProcessCounts, type ProcessCounts } from "./observe/process_gauges.ts";
import { VitalParts } from "./observe/vital_parts.ts";
import type { SlowClients } from "./outbox/outbox.ts";
import { startAdminPort } from "./service/admin_port.ts";
import { ClientsPort } from "./service/clients_port.ts";
import { LogDelivery } from "./service/delivery.ts";
import type { Reloads } from "./sessions/reloads.ts";
import type { Revalidation } from "./sessions/revalidation.ts";
import type { Sessions } from "./sessions/sessions.ts";
import type { Settings } from "./settings/settings.ts";
import { isDoneWithin } from "./util/delay.ts";

const logger = getLogger(["wss", "service"]);

/** The settings of everything but the log. */
export type ServiceSettings =
  & Omit<Settings, `KAFKA_${string}`>
  & Pick<Settings, "KAFKA_TOPIC">;

/** What {@linkcode startService} may be given. */
export interface ServiceOptions {
  /** Answers paths on the clients' port that the service does not know; by default with 404. */
  readonly fallback?: Fallback | undefined;
  /** What the process counts; by default nothing. */
  readonly counts?: ProcessCounts | undefined;
}

/**
 * Starts the service; it listens when this returns.
 *
 * @param reader Reads Kafka, or the embedded log
 * @throws {ListenError} For example, a port is taken
 */
export function startService(
  settings: ServiceSettings,
  reader: LogReader,
  options: ServiceOptions = {},
): Service {
  return new Service(settings, { reader, ...options });
}

/** A running service. */
export class Service implements Health {
  /** Where clients connect. */
  readonly address: Pick<Deno.NetAddr, "hostname" | "port">;
  /** Resolves with true when clients are served, with false if the service was stopped before that. */
  readonly ready: Promise<boolean>;
  /** Resolves with the reason if the service can't start, because its settings are wrong. */
  readonly failed: Promise<string>;
  readonly #shutdownMs: number;
  readonly #delivery: LogDelivery;
  readonly #clientsPort: ClientsPort;
  readonly #adminPort: { stop(): Promise<void> };
  readonly #backend: Backend;
  readonly #parts: VitalParts;
  #state: "starting" | "ready" | "stopping" = "starting";

  /** @throws {ListenError} */
  constructor(
    settings: ServiceSettings,
    { reader, fallback = notFound, counts = createProcessCounts() }:
      & ServiceOptions
      & { readonly reader: LogReader },
  ) {
    const failed = Promise.withResolvers<string>();
    const metrics = createMetrics();
    const trace = new DeliveryTrace();
    const deliveries = new Deliveries([new DeliveryMetrics(metrics), trace]);
    const backend = new Backend({
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
    const tokens = new Tokens(backend, {
      cacheMs: settings.AUTH_CACHE_SECONDS * 1000,
      jwts: settings.AUTH_JWKS_URL ? new Jwts(settings.AUTH_JWKS_URL, settings, metrics) : null,
    });
    const parts = this.#parts = new VitalParts(metrics);
    const shared = { backend, tokens, trace, deliveries, metrics, parts, health: this };

    const delivery = new LogDelivery(settings, { ...shared, reader });
    const clientsPort = new ClientsPort(settings, { ...shared, delivery, fallback });
    parts.watchTimer("stream_status", () => delivery.streamStatus.judgedAt);
    parts.watchTimer("cursors", () => delivery.streamStatus.remindedAt);
    parts.watchTimer("revalidation", () => delivery.revalidation.lookedAt);
    this.#backend = backend;
    this.#delivery = delivery;
    this.#clientsPort = clientsPort;
    this.#shutdownMs = settings.SHUTDOWN_SECONDS * 1000;
    this.failed = failed.promise;

    this.address = clientsPort.start();
    this.#adminPort = startAdminPort(settings, {
      ...shared,
      reader,
      delivery,
      clientsPort,
      counts,
    });
    this.ready = delivery.start().then(() => {
      if (this.#state === "starting") this.#state = "ready";
      return this.#state === "ready";
    });
    this.ready.catch((error) => failed.resolve(`Cannot read the log: ${error.message}`));
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  get isDegraded(): boolean {
    return this.#delivery.streamStatus.isDegraded;
  }

  get missing(): readonly string[] {
    return this.#parts.missing;
  }

  /** Slots of MAX_CONNECTIONS that are taken. */
  get connections(): number {
    return this.#clientsPort.connections;
  }

  get slowClients(): Pick<SlowClients, "size"> {
    return this.#clientsPort.slowClients;
  }

  get sessions(): Sessions {
    return this.#delivery.sessions;
  }

  get stream(): Stream {
    return this.#delivery.stream;
  }

  get quarantine(): Quarantine {
    return this.#delivery.quarantine;
  }

  get reloads(): Pick<Reloads, "size"> {
    return this.#delivery.reloads;
  }

  get revalidation(): Pick<Revalidation, "size"> {
    return this.#delivery.revalidation;
  }

  /** Sends clients away and ends (LIFE4). Takes at most SHUTDOWN_SECONDS. */
  async stop(): Promise<void> {
    // From here on, upgrades are refused.
    this.#state = "stopping";
    this.#parts.stop();
    this.#clientsPort.refuse();
    const isDone = await isDoneWithin(this.#shutdownMs, this.#end());
    if (!isDone) logger.warn("The service did not end within SHUTDOWN_SECONDS");
  }

  async #end(): Promise<void> {
    // Records are delivered, tokens are checked, and operators can look, until the clients have left.
    await this.#clientsPort.drain();
    await Promise.all([this.#delivery.stop(), this.#clientsPort.stop()]);
    await this.#adminPort.stop();
    this.#backend.close();
  }
}

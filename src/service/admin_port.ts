/**
 * The admin port: what operators see of the delivery and of the clients' port.
 */
import { type AdminSettings, startAdmin } from "../admin/admin.ts";
import { createGauges } from "../admin/gauges.ts";
import type { Backend } from "../backend/backend.ts";
import type { Health } from "../http/health.ts";
import type { LogReader } from "../log/reader.ts";
import type { DeliveryTrace } from "../observe/delivery_trace.ts";
import type { ProcessCounts } from "../observe/process_gauges.ts";
import { startLoopDelayMonitor } from "../observe/loop_delay.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { VitalParts } from "../observe/vital_parts.ts";
import type { Settings } from "../settings/settings.ts";
import type { ClientsPort } from "./clients_port.ts";
import type { LogDelivery } from "./delivery.ts";
import { shutDown } from "./shut_down.ts";

/** The settings of the admin port, and the names that its metrics carry. */
export type AdminPortSettings =
  & AdminSettings
  & Pick<Settings, "KAFKA_TOPIC" | "HOST_ENV" | "INSTANCE_ID">;

/** What {@linkcode startAdminPort} needs. */
export interface AdminPortOptions {
  readonly delivery: LogDelivery;
  readonly clientsPort: Pick<ClientsPort, "close">;
  readonly reader: Pick<LogReader, "replay">;
  readonly backend: Backend;
  readonly health: Health;
  readonly trace: DeliveryTrace;
  readonly metrics: Metrics;
  readonly counts: ProcessCounts;
  readonly parts: Pick<VitalParts, "watch">;
}

/**
 * Starts to listen for operators, unless ADMIN_PORT turns the port off.
 *
 * @throws {ListenError} For example, the port is taken
 */
export function startAdminPort(
  settings: AdminPortSettings,
  { delivery, clientsPort, reader, backend, health, trace, metrics, counts, parts }:
    AdminPortOptions,
): { stop(): Promise<void> } {
  const { registry } = metrics;
  const { sessions, stream, quarantine, freshness, trouble, streamStatus, reloads } = delivery;
  const server = startAdmin(settings, {
    topic: settings.KAFKA_TOPIC,
    metrics,
    refresh: createGauges(registry, {
      sessions,
      stream,
      freshness,
      trouble,
      streamStatus,
      reloads,
      backend,
      trace,
      counts,
      hostEnv: settings.HOST_ENV,
      instanceId: settings.INSTANCE_ID,
    }),
    health,
    stream,
    sessions,
    trace,
    quarantine,
    trouble,
    replay: (record) => reader.replay(record),
    close: (session) => clientsPort.close(session),
    part: parts.watch("admin_port"),
  });
  const loopDelay = startLoopDelayMonitor(metrics);
  return {
    async stop() {
      loopDelay.stop();
      if (server) await shutDown(server);
    },
  };
}

/**
 * What can be looked at when metrics are asked for, beside what `metrics` counts.
 */
import process from "node:process";
import { Counter, Gauge, type Registry } from "prom-client";
import type { Backend } from "../backend/backend.ts";
import denoJson from "../../deno.json" with { type: "json" };
import type { Freshness } from "../log/freshness.ts";
import type { StreamStatus } from "../sessions/stream_status.ts";
import type { SlowClients } from "../outbox/outbox.ts";
import type { Reloads } from "../sessions/reloads.ts";
import type { Session } from "../sessions/session.ts";
import type { Stream } from "../log/stream.ts";
import type { Trace } from "../observe/delivery_trace.ts";

/** What is looked at. */
export interface Observed {
  readonly sessions: Iterable<Session>;
  readonly stream: Stream;
  readonly freshness: Pick<Freshness, "latest">;
  readonly streamStatus: Pick<StreamStatus, "isDegraded">;
  readonly slowClients: Pick<SlowClients, "size">;
  readonly reloads: Pick<Reloads, "size">;
  readonly backend: Pick<Backend, "pools">;
  readonly trace: Pick<Trace, "size">;
  /** Names of the deployment and of the instance. */
  readonly hostEnv: string;
  readonly instanceId: string;
}

/**
 * Adds gauges to the registry.
 *
 * @returns The function that looks at everything; to be called before the registry is read
 */
export function createGauges(registry: Registry, observed: Observed): () => void {
  const registers = [registry];
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge({ name, help, labelNames, registers });

  const sessions = gauge("wss_sessions", "Sessions, by whether they are logged in", [
    "endpoint",
    "identity",
  ]);
  const subscriptions = gauge("wss_subscriptions", "Subscriptions; not live ones follow later", [
    "resource",
    "state",
  ]);
  const behind = gauge("wss_sessions_behind", "Sessions with too much unsent, or catching up");
  const degraded = gauge("wss_degraded", "1 while the log is not read to its ends");
  const position = gauge("wss_kafka_position", "The offset to be read next", ["partition"]);
  const end = gauge("wss_kafka_end", "The end of the partition, as it was told last", [
    "partition",
  ]);
  const lag = gauge("wss_kafka_lag", "Records between the two", ["partition"]);
  const answerAge = gauge(
    "wss_kafka_answer_age_seconds",
    "Since the leaders told the ends of all partitions",
  );
  const inUse = gauge("wss_backend_pool_in_use", "Requests that run", ["api"]);
  const waiting = gauge("wss_backend_pool_waiting", "Requests that wait for a place", ["api"]);
  const entries = gauge("wss_window_entries", "Messages in the recovery window");
  const bytes = gauge("wss_window_bytes", "Bytes of memory that they take");
  const reloads = gauge("wss_reloads_pending", "Reloads that run, wait or are to be tried again");
  const traced = gauge("wss_trace_steps", "What is remembered of pushes, for /why");
  const rss = gauge("process_resident_memory_bytes", "Memory of the process");
  const heapUsed = gauge("wss_heap_used_bytes", "Memory of JavaScript's objects");
  const external = gauge("wss_heap_external_bytes", "Memory that these hold outside of the heap");
  const cpu = new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of the process, user and system",
    registers,
  });
  gauge("process_start_time_seconds", "When it was started, in seconds since 1970")
    .set(performance.timeOrigin / 1000);
  gauge("wss_build_info", "1, for its labels", ["version", "deno", "host_env", "instance_id"]).set({
    version: denoJson.version,
    deno: Deno.version.deno,
    host_env: observed.hostEnv,
    instance_id: observed.instanceId,
  }, 1);

  function lookAtSessions(): void {
    const users = { "/web": 0, "/mobile": 0 };
    const guests = { "/web": 0, "/mobile": 0 };
    const live = { notification: 0, schedule: 0 };
    const catchingUp = { notification: 0, schedule: 0 };
    for (const session of observed.sessions) {
      (session.user === null ? guests : users)[session.endpoint]++;
      for (const { target: { resource }, isLive } of session.subscriptions) {
        (isLive ? live : catchingUp)[resource]++;
      }
    }
    for (const endpoint of ["/web", "/mobile"] as const) {
      sessions.set({ endpoint, identity: "user" }, users[endpoint]);
      sessions.set({ endpoint, identity: "guest" }, guests[endpoint]);
    }
    for (const resource of ["notification", "schedule"] as const) {
      subscriptions.set({ resource, state: "live" }, live[resource]);
      subscriptions.set({ resource, state: "catching_up" }, catchingUp[resource]);
    }
  }

  function lookAtLog(): void {
    const { stream: { positions, window }, freshness: { latest } } = observed;
    for (const [partition, offset] of positions.entries()) {
      position.set({ partition }, offset);
      const told = latest?.ends[partition];
      if (told === undefined) continue;
      end.set({ partition }, told);
      lag.set({ partition }, Math.max(0, told - offset));
    }
    if (latest) answerAge.set((Date.now() - latest.askedAt) / 1000);
    entries.set(window.size);
    bytes.set(window.bytes);
  }

  function lookAtProcess(): void {
    const memory = Deno.memoryUsage();
    rss.set(memory.rss);
    heapUsed.set(memory.heapUsed);
    external.set(memory.external);
    const { user, system } = process.cpuUsage();
    cpu.reset();
    cpu.inc((user + system) / 1e6);
  }

  return () => {
    lookAtSessions();
    lookAtLog();
    lookAtProcess();
    behind.set(observed.slowClients.size);
    degraded.set(observed.streamStatus.isDegraded ? 1 : 0);
    reloads.set(observed.reloads.size);
    traced.set(observed.trace.size);
    for (const [api, pool] of Object.entries(observed.backend.pools)) {
      inUse.set({ api }, pool.inUse);
      waiting.set({ api }, pool.waiting);
    }
  };
}

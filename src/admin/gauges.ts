/**
 * Gauges: values that are looked at when metrics are read. Counters, which are increased as things
 * happen, are in `observe/metrics`.
 */
import { Gauge, type Registry } from "prom-client";
import denoJson from "../../deno.json" with { type: "json" };
import type { Backend } from "../backend/backend.ts";
import type { Freshness } from "../log/freshness.ts";
import type { Stream } from "../log/stream.ts";
import type { LogTrouble } from "../log/trouble.ts";
import type { DeliveryTrace } from "../observe/delivery_trace.ts";
import { createProcessGauges, type ProcessCounts } from "../observe/process_gauges.ts";
import type { Reloads } from "../sessions/reloads.ts";
import type { StreamStatus } from "../sessions/stream_status.ts";
import { createSessionGauges, type ObservedSessions } from "./session_gauges.ts";

/** What the gauges look at. */
export interface Observed extends ObservedSessions {
  readonly stream: Stream;
  readonly freshness: Pick<Freshness, "latest">;
  readonly trouble: Pick<LogTrouble, "current" | "kinds">;
  readonly streamStatus: Pick<StreamStatus, "isDegraded">;
  readonly reloads: Pick<Reloads, "size">;
  readonly backend: Pick<Backend, "pools">;
  readonly trace: Pick<DeliveryTrace, "size">;
  readonly counts: ProcessCounts;
  /** The name of the deployment. */
  readonly hostEnv: string;
  /** The name of this instance. */
  readonly instanceId: string;
}

/**
 * Adds all gauges to the registry.
 *
 * @returns A function that sets them, in steps between which it rests. Call it before the registry is
 * read
 */
export function createGauges(registry: Registry, observed: Observed): () => Generator<void> {
  const refreshSessions = createSessionGauges(registry, observed);
  const refreshLog = createLogGauges(registry, observed);
  const refreshProcess = createProcessGauges(registry, observed.counts);
  addBuildInfo(registry, observed);
  const registers = [registry];
  const degraded = new Gauge({
    name: "wss_degraded",
    help: "1 while the log is not read up to its ends, else 0",
    registers,
  });
  const reloads = new Gauge({
    name: "wss_reloads_pending",
    help: "Reloads that run, wait, or will be tried again",
    registers,
  });
  const traceSteps = new Gauge({
    name: "wss_trace_steps",
    help: "Pushes and other steps of messages that are remembered for /why",
    registers,
  });
  const inUse = new Gauge({
    name: "wss_backend_pool_in_use",
    help: "Requests to an API that are running",
    labelNames: ["api"],
    registers,
  });
  const waiting = new Gauge({
    name: "wss_backend_pool_waiting",
    help: "Requests to an API that wait until another one is done",
    labelNames: ["api"],
    registers,
  });

  return function* () {
    yield* refreshSessions();
    refreshLog();
    refreshProcess();
    degraded.set(observed.streamStatus.isDegraded ? 1 : 0);
    reloads.set(observed.reloads.size);
    traceSteps.set(observed.trace.size);
    for (const [api, pool] of Object.entries(observed.backend.pools)) {
      inUse.set({ api }, pool.inUse);
      waiting.set({ api }, pool.waiting);
    }
  };
}

function addBuildInfo(
  registry: Registry,
  { hostEnv, instanceId }: Pick<Observed, "hostEnv" | "instanceId">,
): void {
  new Gauge({
    name: "wss_build_info",
    help: "Always 1; the labels say what is running",
    labelNames: ["version", "deno", "host_env", "instance_id"],
    registers: [registry],
  }).set({
    version: denoJson.version,
    deno: Deno.version.deno,
    host_env: hostEnv,
    instance_id: instanceId,
  }, 1);
}

/** The most partitions that have series of their own. */
const MAX_PARTITIONS = 1000;

/** Adds the gauges of the log and of its window. */
function createLogGauges(
  registry: Registry,
  { stream, freshness, trouble }: Pick<Observed, "stream" | "freshness" | "trouble">,
): () => void {
  const registers = [registry];
  const ofPartition = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["partition"], registers });
  const position = ofPartition("wss_kafka_position", "Offset to read next");
  const end = ofPartition(
    "wss_kafka_end",
    "End of the partition in the latest answer of its leader",
  );
  const stableEnd = ofPartition(
    "wss_kafka_stable_end",
    "Offset up to which records can be read; lower than wss_kafka_end while a transaction is open",
  );
  const lag = ofPartition("wss_kafka_lag", "Records between wss_kafka_position and wss_kafka_end");
  const partitions = new Gauge({
    name: "wss_kafka_partitions",
    help: `Partitions that are read; those from ${MAX_PARTITIONS} on have no series of their own`,
    registers,
  });
  const answerAge = new Gauge({
    name: "wss_kafka_answer_age_seconds",
    help: "Seconds since the leader was asked for the latest known end, of the oldest such end",
    registers,
  });
  const troubles = new Gauge({
    name: "wss_kafka_trouble",
    help: "1 while the log can't be read for a reason of this kind, else 0",
    labelNames: ["kind"],
    registers,
  });
  const entries = new Gauge({
    name: "wss_window_entries",
    help: "Messages in the recovery window",
    registers,
  });
  const bytes = new Gauge({
    name: "wss_window_bytes",
    help: "Bytes of memory that the recovery window takes",
    registers,
  });

  return () => {
    const { positions, window } = stream;
    // Partitions of a replaced log have no value any more.
    for (const gauge of [position, end, stableEnd, lag]) gauge.reset();
    partitions.set(positions.length);
    let oldestAnswer = Infinity;
    for (const [partition, offset] of positions.slice(0, MAX_PARTITIONS).entries()) {
      position.set({ partition }, offset);
      const latest = freshness.latest(partition);
      if (!latest) continue;
      end.set({ partition }, latest.end);
      stableEnd.set({ partition }, latest.stableEnd);
      lag.set({ partition }, Math.max(0, latest.end - offset));
      oldestAnswer = Math.min(oldestAnswer, latest.askedAt);
    }
    if (oldestAnswer < Infinity) answerAge.set((Date.now() - oldestAnswer) / 1000);
    for (const kind of trouble.kinds) {
      troubles.set({ kind }, kind === trouble.current?.kind ? 1 : 0);
    }
    entries.set(window.size);
    bytes.set(window.bytes);
  };
}

/**
 * Metrics of the process: memory, CPU time, when it started, and what went wrong in it.
 */
import process from "node:process";
import { Counter, Gauge, type Registry } from "prom-client";
import type { ProcessCounts } from "./process_counts.ts";

/**
 * Adds the metrics to the registry.
 *
 * @returns A function that sets them
 */
export function createProcessGauges(registry: Registry, counts: ProcessCounts): () => void {
  const registers = [registry];
  const rss = new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory of the process",
    registers,
  });
  const heapUsed = new Gauge({
    name: "wss_heap_used_bytes",
    help: "Memory of JavaScript objects",
    registers,
  });
  const external = new Gauge({
    name: "wss_heap_external_bytes",
    help: "Memory outside of the heap that JavaScript objects hold",
    registers,
  });
  const cpu = new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of the process, user and system",
    registers,
  });
  new Gauge({
    name: "process_start_time_seconds",
    help: "When the process started, in seconds since 1970",
    registers,
  }).set(performance.timeOrigin / 1000);

  const dropped = new Counter({
    name: "wss_log_lines_dropped_total",
    help: "Log lines that were not written, because nobody read them in time",
    registers,
  });
  const uncaught = new Counter({
    name: "wss_uncaught_errors_total",
    help: "Errors that nothing caught: defects",
    labelNames: ["kind"],
    registers,
  });

  return () => {
    const memory = Deno.memoryUsage();
    rss.set(memory.rss);
    heapUsed.set(memory.heapUsed);
    external.set(memory.external);
    const { user, system } = process.cpuUsage();
    cpu.reset();
    cpu.inc((user + system) / 1e6);
    dropped.reset();
    dropped.inc(counts.droppedLogLines);
    uncaught.reset();
    for (const [kind, count] of Object.entries(counts.uncaught)) uncaught.inc({ kind }, count);
  };
}

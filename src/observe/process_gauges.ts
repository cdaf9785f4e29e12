/**
 * Metrics of the process: memory, CPU time, when it started, and what went wrong in it.
 */
import process from "node:process";
import { Counter, Gauge, type Registry } from "prom-client";
import { countSpareFiles } from "../util/spare_files.ts";

/** What is counted from the start of the process on, before there is a service with its metrics. */
export interface ProcessCounts {
  /** Log lines that could not be written. */
  droppedLogLines: number;
  /** Errors that nothing caught, and rejections that nothing handled: defects. */
  readonly uncaught: Record<"error" | "rejection", number>;
}

/** Makes the counts of a process that has just started. */
export function createProcessCounts(): ProcessCounts {
  return { droppedLogLines: 0, uncaught: { error: 0, rejection: 0 } };
}

/** The most files that are counted, which takes 1 ms. */
const COUNTED_FILES = 200;

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
    help: "Errors that were not caught: defects",
    labelNames: ["kind"],
    registers,
  });

  const spareFiles = new Gauge({
    name: "wss_spare_files",
    help: `Files that the process could still open, counted up to ${COUNTED_FILES}`,
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
    // Where they can't be counted, there is no reason to be alarmed.
    spareFiles.set(countSpareFiles(COUNTED_FILES) ?? COUNTED_FILES);
    dropped.reset();
    dropped.inc(counts.droppedLogLines);
    uncaught.reset();
    for (const [kind, count] of Object.entries(counts.uncaught)) uncaught.inc({ kind }, count);
  };
}

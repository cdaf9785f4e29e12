/**
 * Log lines: JSON for machines, or text for people in development.
 */
import {
  configure,
  dispose,
  getAnsiColorFormatter,
  getTextFormatter,
  type LogRecord,
  type TextFormatter,
} from "@logtape/logtape";
import type { Settings } from "../settings/settings.ts";
import { LineWriter } from "./line_writer.ts";
import type { ProcessCounts } from "./process_gauges.ts";
import { createRepeatFilter } from "./repeat_filter.ts";

const FOR_PEOPLE = { timestamp: "time", category: "." } as const;

/** Milliseconds that the last lines get at the end of the process. */
const END_MS = 500;

/** Log lines, until they are ended. */
export interface Logging {
  /** Writes the lines that still wait, and ends logging. To be called at the end of the process. */
  end(): Promise<void>;
}

/**
 * Starts to log to stdout, and from level warning on to stderr. Modules log through
 * `getLogger(["wss", …])`.
 */
export async function startLogging(
  settings: Pick<Settings, "NODE_ENV" | "LOG_LEVEL" | "HOST_ENV" | "INSTANCE_ID">,
  counts: Pick<ProcessCounts, "droppedLogLines">,
): Promise<Logging> {
  const { NODE_ENV, LOG_LEVEL, HOST_ENV, INSTANCE_ID } = settings;
  const isColored = Deno.stdout.isTerminal() && !Deno.noColor;
  const format: TextFormatter = NODE_ENV === "development"
    ? isColored ? getAnsiColorFormatter(FOR_PEOPLE) : getTextFormatter(FOR_PEOPLE)
    : (record) => jsonLine(record, { instance: INSTANCE_ID, hostEnv: HOST_ENV });
  const formatLine = (record: LogRecord) => format(record).trimEnd();

  const createWriter = (stream: Pick<typeof Deno.stdout, "write">) =>
    new LineWriter({
      write: (bytes) => stream.write(bytes),
      onDropped: (count) => counts.droppedLogLines += count,
      describeDropped: (count) => formatLine(droppedRecord(count)),
    });
  const [stdout, stderr] = [createWriter(Deno.stdout), createWriter(Deno.stderr)];
  const write = (record: LogRecord) =>
    (FOR_STDERR.has(record.level) ? stderr : stdout).write(formatLine(record));

  await configure({
    sinks: { console: createRepeatFilter(write) },
    loggers: [
      { category: "wss", sinks: ["console"], lowestLevel: LOG_LEVEL },
      { category: ["logtape", "meta"], sinks: ["console"], lowestLevel: "warning" },
    ],
  });
  return {
    async end() {
      await dispose();
      await Promise.all([stdout.end(END_MS), stderr.end(END_MS)]);
    },
  };
}

const FOR_STDERR = new Set<LogRecord["level"]>(["warning", "error", "fatal"]);

function droppedRecord(count: number): LogRecord {
  return {
    level: "warning",
    category: ["wss", "log"],
    message: ["", count, " log lines were dropped here, because nobody read them in time"],
    rawMessage: "{count} log lines were dropped here, because nobody read them in time",
    timestamp: Date.now(),
    properties: { count },
  };
}

function jsonLine(record: LogRecord, deployment: Record<string, string>): string {
  const { timestamp, level, category, message, properties } = record;
  const own = {
    time: new Date(timestamp).toISOString(),
    level,
    message: message.map((part) => typeof part === "string" ? part : String(part)).join(""),
    logger: category.join("."),
    ...deployment,
  };
  // The first spread puts these keys first, the last one keeps properties from replacing them.
  return JSON.stringify(
    { ...own, ...properties, ...own },
    (_key, value) => value instanceof Error ? value.stack ?? String(value) : value,
  );
}

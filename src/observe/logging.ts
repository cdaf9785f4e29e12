/**
 * Log lines: JSON for machines, or text for people in development.
 */
import {
  configure,
  dispose,
  getAnsiColorFormatter,
  getConsoleSink,
  getTextFormatter,
  type LogRecord,
} from "@logtape/logtape";
import type { Settings } from "../settings/settings.ts";
import { createRepeatFilter } from "./repeat_filter.ts";

const FOR_PEOPLE = { timestamp: "time", category: "." } as const;

/** Starts to log to the console. Modules log through `getLogger(["wss", …])`. */
export async function startLogging(
  settings: Pick<Settings, "NODE_ENV" | "LOG_LEVEL" | "HOST_ENV" | "INSTANCE_ID">,
): Promise<void> {
  const { NODE_ENV, LOG_LEVEL, HOST_ENV, INSTANCE_ID } = settings;
  const isColored = Deno.stdout.isTerminal() && !Deno.noColor;
  const console = getConsoleSink({
    nonBlocking: true,
    formatter: NODE_ENV === "development"
      ? isColored ? getAnsiColorFormatter(FOR_PEOPLE) : getTextFormatter(FOR_PEOPLE)
      : (record) => jsonLine(record, { instance: INSTANCE_ID, hostEnv: HOST_ENV }),
  });
  await configure({
    sinks: { console: createRepeatFilter(console) },
    loggers: [
      { category: "wss", sinks: ["console"], lowestLevel: LOG_LEVEL },
      { category: ["logtape", "meta"], sinks: ["console"], lowestLevel: "warning" },
    ],
  });
}

/** Writes the lines that still wait, and ends logging. To be called at the end of the process. */
export async function stopLogging(): Promise<void> {
  await dispose();
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

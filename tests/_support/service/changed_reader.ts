import type { EmbeddedLog } from "../../../src/dev/embedded_log.ts";
import type { LogEvents, LogReader } from "../../../src/log/reader.ts";

/** Reads a log whose events are others on their way, such as late ones. */
export function createChangedReader(
  log: EmbeddedLog,
  change: (events: LogEvents) => LogEvents,
): LogReader {
  const reader = log.createReader();
  return { ...reader, start: (events, options) => reader.start(change(events), options) };
}

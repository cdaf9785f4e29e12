/**
 * A log of one partition in memory, in place of Kafka: what is published is read by this process.
 */
import type { LogReader, LogRecord } from "../log_reader.ts";

/** A {@linkcode LogReader} that one can write to. */
export interface EmbeddedLog extends LogReader {
  /** Appends a message; it is read before this returns. Gives its offset. */
  publish(value: string | Uint8Array | null): number;
}

/** Makes an empty log. */
export function createEmbeddedLog(): EmbeddedLog {
  const encoder = new TextEncoder();
  let read: ((records: readonly LogRecord[]) => void) | undefined;
  let end = 0;
  return {
    publish(value) {
      const offset = end++;
      const bytes = typeof value === "string" ? encoder.encode(value) : value;
      read?.([{ partition: 0, offset, timestamp: Date.now(), value: bytes }]);
      return offset;
    },
    start({ onRecords }) {
      read = onRecords;
      return Promise.resolve();
    },
    stop() {
      read = undefined;
      return Promise.resolve();
    },
  };
}

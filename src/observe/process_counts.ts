/**
 * What is counted from the start of the process on, before there is a service with its metrics.
 */

/** Counts that only grow. `process_gauges` shows them. */
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

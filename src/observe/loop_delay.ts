/**
 * How late the event loop is: what keeps it busy keeps everything else waiting.
 */
import type { Metrics } from "./metrics.ts";

const TICK_MS = 100;

/** Looks at it ten times a second. */
export function startLoopDelayMonitor(
  { loopSeconds }: Pick<Metrics, "loopSeconds">,
): { stop(): void } {
  let due = performance.now() + TICK_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    loopSeconds.observe(Math.max(0, now - due) / 1000);
    due = now + TICK_MS;
  }, TICK_MS);
  return { stop: () => clearInterval(timer) };
}

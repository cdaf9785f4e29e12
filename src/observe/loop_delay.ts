/**
 * Measures the delay of the event loop: while one task keeps the loop busy, all others wait.
 */
import type { Metrics } from "./metrics.ts";

const TICK_MS = 100;

/** Observes the delay ten times a second, until it is stopped. */
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

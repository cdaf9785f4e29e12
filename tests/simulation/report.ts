/** What people read of simulations: how many ran, and how one has failed. */
import type { Simulated } from "./launch.ts";

/** Lines of a failed run that are shown: those before the failure, or around the begin of the quiet. */
const LINES = 300;
const QUIET = "* all faults are over";
const STUCK = "in the end, ";

/** One line about all runs. */
export function summaryOf({ runs, steps, ms, hash }: Simulated): string {
  const perSecond = Math.round(steps / ms * 1000);
  return `${runs} runs, ${steps} steps, ${perSecond} steps a second; hash of the trace: ${hash}`;
}

/**
 * How a run has failed, and the shortest way to that; `null` if none has failed.
 *
 * @param options.steps The steps of each run
 */
export function failureOf(
  { failed, shrunk }: Simulated,
  { steps }: { steps: number },
): string | null {
  if (!failed || !shrunk) return null;
  // What is stuck in the quiet at the end went wrong around its begin.
  const end = shrunk.message.includes(STUCK)
    ? shrunk.lines.findIndex((line) => line.endsWith(QUIET)) + LINES / 2
    : shrunk.lines.length;
  return [
    "What happened in the shortest run that was found:",
    ...shrunk.lines.slice(Math.max(0, end - LINES), end),
    "\nIts schedule (milliseconds, what, two numbers):",
    ...shrunk.schedule,
    `\n${shrunk.message}`,
    // Last, as a log may be cut.
    `\nThe seed ${failed.seed} fails at step ${failed.step}: ${failed.message}`,
    `Repeat it: deno task simulate --seed ${failed.seed} --steps ${steps}`,
  ].join("\n");
}

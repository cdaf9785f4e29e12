/**
 * Runs simulations in this process, whose platform becomes the simulated one. `main.ts` starts it.
 *
 * Arguments: the first seed, the step between seeds, how many seeds at most, the seconds, the steps of
 * each run, and the seconds to make a failed one short. It prints one line of JSON: how many runs and steps there were, and what has failed.
 */
import { shrink } from "./shrink.ts";
import { type Outcome, simulate } from "./simulate.ts";

/** What a child reports. */
export interface Report {
  readonly runs: number;
  readonly steps: number;
  /** The hash of the last run's trace. */
  readonly hash: string;
  /** The run that has failed. */
  readonly failed:
    | { readonly seed: number; readonly step: number; readonly message: string }
    | null;
  /** The shortest way to that failure: the schedule, and what happened. */
  readonly shrunk: {
    readonly message: string;
    readonly schedule: string[];
    readonly lines: string[];
  } | null;
}

// Before the clock becomes the simulated one.
const realNow = performance.now.bind(performance);

async function run({ seed, stride, seeds, seconds, steps, shrinkSeconds }: {
  seed: number;
  stride: number;
  seeds: number;
  seconds: number;
  steps: number;
  shrinkSeconds: number;
}): Promise<Report> {
  const until = realNow() + seconds * 1000;
  let outcome: Outcome | undefined;
  let [runs, total] = [0, 0];
  for (let next = seed; runs < seeds && (runs === 0 || realNow() < until); next += stride) {
    outcome = await simulate(next, { steps });
    runs++;
    total += outcome.steps;
    if (outcome.failure) break;
  }
  const failure = outcome?.failure;
  if (!outcome || !failure) {
    return { runs, steps: total, hash: outcome?.hash ?? "", failed: null, shrunk: null };
  }
  const shrinkUntil = realNow() + shrinkSeconds * 1000;
  const shortest = await shrink(outcome, { isOver: () => realNow() > shrinkUntil });
  return {
    runs,
    steps: total,
    hash: outcome.hash,
    failed: { seed: outcome.seed, step: outcome.steps, message: failure.message },
    shrunk: {
      message: shortest.failure?.stack ?? "",
      schedule: shortest.done.map(({ at, kind, a, b }) =>
        `${at.toFixed(2).padStart(10)} ${kind} ${a} ${b}`
      ),
      lines: [...shortest.lines],
    },
  };
}

const [seed = 0, stride = 1, seeds = 1, seconds = 0, steps = 0, shrinkSeconds = 0] = Deno.args
  .map(Number);
const report = await run({ seed, stride, seeds, seconds, steps, shrinkSeconds });
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(report)}\n`));
Deno.exit(report.failed ? 1 : 0);

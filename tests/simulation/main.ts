/**
 * `deno task simulate`: runs the delivery core in a simulated world, seed after seed.
 *
 * `--seed N --steps M` repeats one run. Without a seed, fresh ones run for `--seconds S` (20). If a run
 * fails, it says the seed, and prints the shortest way to the failure.
 */
import { parseArgs } from "node:util";
import { runSimulations, type Simulated } from "./launch.ts";

/** Lines of a failed run that are shown: those before the failure, or around the begin of the quiet. */
const LINES = 400;
const QUIET = "* all faults are over";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    steps: { type: "string", default: "10000" },
    seconds: { type: "string" },
    jobs: { type: "string", default: "2" },
  },
});

const isRepeat = values.seed !== undefined && values.seconds === undefined;
const result = await runSimulations({
  seed: Number(values.seed ?? Math.floor(Math.random() * 1e9)),
  steps: Number(values.steps),
  seconds: Number(values.seconds ?? 20),
  shrinkSeconds: 60,
  jobs: isRepeat ? 1 : Number(values.jobs),
  seeds: isRepeat ? 1 : Infinity,
});
print(result);
Deno.exit(result.failed ? 1 : 0);

function print({ failed, shrunk, runs, steps, ms, hash }: Simulated): void {
  const out = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  const perSecond = Math.round(steps / ms * 1000);
  out(`${runs} runs, ${steps} steps, ${perSecond} steps a second; hash ${hash}`);
  if (!failed || !shrunk) return;
  out(`\nThe seed ${failed.seed} fails at step ${failed.step}: ${failed.message}`);
  const quiet = shrunk.lines.findIndex((line) => line.endsWith(QUIET));
  const end = quiet < 0 ? shrunk.lines.length : quiet + LINES / 2;
  const lines = shrunk.lines.slice(Math.max(0, end - LINES), end);
  out(`\nWhat happened in the shortest run that fails like this:\n${lines.join("\n")}`);
  out(`\nIts schedule (ms, what, two numbers):\n${shrunk.schedule.join("\n")}`);
  out(`\n${shrunk.message}`);
}

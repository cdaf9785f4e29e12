/**
 * `deno task simulate`: runs the delivery core in a simulated world, seed after seed.
 *
 * `--seed N --steps M` repeats one run. Without a seed, fresh ones run for `--seconds S` (20). If a run
 * fails, it says the seed, and prints the shortest way to the failure.
 */
import { parseArgs } from "node:util";
import { freshSeed, runSimulations, STEPS } from "./launch.ts";
import { failureOf, summaryOf } from "./report.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    steps: { type: "string", default: String(STEPS) },
    seconds: { type: "string" },
    jobs: { type: "string", default: "2" },
  },
});

const isRepeat = values.seed !== undefined && values.seconds === undefined;
const steps = Number(values.steps);
const result = await runSimulations({
  seed: values.seed === undefined ? freshSeed() : Number(values.seed),
  steps,
  seconds: Number(values.seconds ?? 20),
  shrinkSeconds: 60,
  jobs: isRepeat ? 1 : Number(values.jobs),
  seeds: isRepeat ? 1 : Infinity,
});
const failure = failureOf(result, { steps });
for (const text of [summaryOf(result), failure]) {
  if (text !== null) await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}
Deno.exit(failure === null ? 0 : 1);

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
    steps: { type: "string" },
    seconds: { type: "string" },
    jobs: { type: "string" },
  },
});

/** @throws {Error} The option has a text that is no number */
function numberOf(option: keyof typeof values, fallback: number): number {
  const text = values[option] ?? "";
  const number = text === "" ? fallback : Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`--${option} is "${text}": expected a whole number`);
}

const isRepeat = values.seed !== undefined && values.seconds === undefined;
const steps = numberOf("steps", STEPS);
const result = await runSimulations({
  seed: numberOf("seed", freshSeed()),
  steps,
  seconds: numberOf("seconds", 20),
  shrinkSeconds: 60,
  jobs: isRepeat ? 1 : numberOf("jobs", 2),
  seeds: isRepeat ? 1 : Infinity,
});
const failure = failureOf(result, { steps });
for (const text of [summaryOf(result), failure]) {
  if (text !== null) await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}
Deno.exit(failure === null ? 0 : 1);

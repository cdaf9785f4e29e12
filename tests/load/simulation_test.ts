import { assert } from "@std/assert";
import { freshSeed, runSimulations, STEPS } from "../simulation/launch.ts";
import { MUTANTS } from "../simulation/mutants/list.ts";
import { findMutants } from "../simulation/mutants/run.ts";
import { failureOf } from "../simulation/report.ts";

Deno.test("[DEL1][DEL2][DEL3][DEL5] half a minute of simulations with fresh seeds finds no fault", async () => {
  const result = await runSimulations({
    seed: freshSeed(),
    steps: STEPS,
    seconds: 30,
    shrinkSeconds: 60,
    jobs: 2,
    seeds: Infinity,
  });

  const failure = failureOf(result, { steps: STEPS });
  assert(failure === null, failure ?? "");
});

/** Faults that show in rare worlds only, such as those of a second cut. */
const MAX_MISSED = 3;

/** Seeds with which a fault may be missed: with one or two, a fault that shows often may not show at all. */
const SEEDS = 3;

Deno.test("the simulation finds nearly each fault that is put into the service, with three seeds", async () => {
  const seeds = Array.from({ length: SEEDS }, freshSeed);

  let missed = MUTANTS;
  for (const seed of seeds) {
    const found = await findMutants(missed, { seed, onFound() {} });
    missed = missed.filter((_, i) => found[i]?.message === null);
  }

  const names = missed.map(({ name }) => name);
  assert(missed.length <= MAX_MISSED, `seeds ${seeds}, not found:\n${names.join("\n")}`);
});

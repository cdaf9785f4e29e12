/**
 * Puts faults into copies of the service, and sees how fast the simulation finds each of them.
 *
 * Run it alone with names, or parts of names, as arguments; without arguments it runs all.
 */
import { freshSeed, runSimulations, type SimulationOptions } from "../launch.ts";
import { type Mutant, MUTANTS } from "./list.ts";

/** What became of a fault. */
export interface Found {
  readonly name: string;
  /** What the simulation has said; `null` if it has not found the fault. */
  readonly message: string | null;
  readonly seconds: number;
  readonly steps: number;
}

const ROOT = new URL("../../../", import.meta.url);
/** What a simulation needs. */
const COPIED = [
  "deno.json",
  "src",
  "tests/simulation",
  "tests/_support/service",
  "tests/deno.json",
  "tests/deno.lock",
];

/** Faults that are looked for at once, each with a copy of the service and a process. */
const WORKERS = 2;
/** Runs of each process: together about 700,000 steps. It is not a time, as other tests may run beside. */
const RUNS = 80;
const MAX_SECONDS = 600;

/**
 * Looks for faults.
 *
 * @param options.seed The first seed
 * @throws {Error} A piece that a mutant replaces is not there exactly once
 */
export async function findMutants(
  mutants: readonly Mutant[],
  { seed, onFound }: { seed: number; onFound: (found: Found) => void },
): Promise<Found[]> {
  await checkMutants(mutants);
  const all: Found[] = [];
  const waiting = mutants.entries();
  await Promise.all(Array.from({ length: WORKERS }, async () => {
    const path = await Deno.makeTempDir();
    const root = new URL(`file://${path}/`);
    try {
      for (const each of COPIED) await copy(new URL(each, ROOT), new URL(each, root));
      for (const [i, mutant] of waiting) {
        const found = all[i] = await find(mutant, { seed, root });
        onFound(found);
      }
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  }));
  return all;
}

/** Looks for one fault, in a copy of the service. */
async function find(mutant: Mutant, { seed, root }: { seed: number; root: URL }): Promise<Found> {
  const original = await read(mutant.file);
  const file = new URL(`src/${mutant.file}`, root);
  await Deno.writeTextFile(file, mutate(original, mutant));
  const options = { steps: 5000, seconds: MAX_SECONDS, shrinkSeconds: 0, jobs: 1, root };
  const { failed, ms, steps } = await runSimulations({ ...options, seed, seeds: RUNS });
  await Deno.writeTextFile(file, original);
  if (failed) await expectSound(failed.seed, options);
  const message = failed?.message.split("\n")[0] ?? null;
  return { name: mutant.name, message, seconds: ms / 1000, steps };
}

/** @throws {Error} A piece that a mutant replaces is not there exactly once */
export async function checkMutants(mutants: readonly Mutant[]): Promise<void> {
  for (const mutant of mutants) mutate(await read(mutant.file), mutant);
}

/** @throws {Error} The seed fails without any fault as well, so that it says nothing of one */
async function expectSound(
  seed: number,
  options: Omit<SimulationOptions, "seed" | "seeds">,
): Promise<void> {
  const { failed } = await runSimulations({ ...options, seed, seeds: 1 });
  if (!failed) return;
  throw new Error(
    `The service fails without a fault: ${failed.message}\n` +
      `Repeat it: deno task simulate --seed ${seed} --steps ${options.steps}`,
  );
}

function read(file: string): Promise<string> {
  return Deno.readTextFile(new URL(`src/${file}`, ROOT));
}

function mutate(text: string, { name, file, find, replace }: Mutant): string {
  const pieces = text.split(find);
  if (pieces.length !== 2) {
    throw new Error(
      `Cannot put in the fault "${name}": ${file} has its piece ${pieces.length - 1} times. ` +
        "Adapt tests/simulation/mutants/list.ts",
    );
  }
  return pieces.join(replace);
}

async function copy(from: URL, to: URL): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await copy(new URL(`${from.href}/${name}`), new URL(`${to.href}/${name}`));
  }
}

/** One line about a fault. */
function describe({ name, message, seconds, steps }: Found): string {
  const how = message === null
    ? "NOT FOUND"
    : `found in ${seconds.toFixed(1)} s, ${steps} steps: ${message}`;
  return `${name}: ${how}`;
}

if (import.meta.main) {
  const names = Deno.args;
  const mutants = MUTANTS.filter(({ name }) =>
    names.length === 0 || names.some((part) => name.includes(part))
  );
  const out = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  const found = await findMutants(mutants, {
    seed: freshSeed(),
    onFound: (found) => out(describe(found)),
  });
  Deno.exit(found.every(({ message }) => message !== null) ? 0 : 1);
}

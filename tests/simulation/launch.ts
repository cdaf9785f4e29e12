/** Starts processes that simulate: each of them has the simulated platform in place of the real one. */
import { fileURLToPath } from "node:url";
import denoJson from "../deno.json" with { type: "json" };
import type { Report } from "./child.ts";

/** What to simulate. */
export interface SimulationOptions {
  /** The first seed. */
  readonly seed: number;
  /** Steps of each run, until the quiet at its end. */
  readonly steps: number;
  /** Seconds until no further run begins. */
  readonly seconds: number;
  /** Seconds to make the schedule of a failed run short. */
  readonly shrinkSeconds: number;
  /** Processes. */
  readonly jobs: number;
  /** Runs of each process, at most. */
  readonly seeds: number;
  /** The folder whose `src` and `tests` are used. Default: this one's. */
  readonly root?: URL;
}

/** What all processes together report. */
export interface Simulated extends Report {
  /** Milliseconds that it has taken. */
  readonly ms: number;
}

/** The report of a process that was ended because another one has failed. */
const NOTHING: Report = { runs: 0, steps: 0, hash: "", failed: null, shrunk: null };

/** Steps of each run by default. Many short runs see more worlds than a few long ones. */
export const STEPS = 10_000;

/** A seed that nobody knows. */
export function freshSeed(): number {
  return Math.floor(Math.random() * 1e9);
}

const HERE = new URL("../../", import.meta.url);

/** Runs simulations, until one of them fails or the time is over. */
export async function runSimulations(
  { seed, steps, seconds, shrinkSeconds, jobs, seeds, root = HERE }: SimulationOptions,
): Promise<Simulated> {
  const map = await writeImportMap(root);
  const child = fileURLToPath(new URL("tests/simulation/child.ts", root));
  const startedAt = performance.now();
  const processes = Array.from({ length: jobs }, (_, i) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-check",
        "--no-prompt",
        `--config=${fileURLToPath(new URL("tests/deno.json", root))}`,
        `--import-map=${map}`,
        "--allow-all",
        child,
        ...[seed + i, jobs, Math.min(seeds, 1e9), seconds, steps, shrinkSeconds].map(String),
      ],
      stdout: "piped",
      stderr: "piped",
    }).spawn());
  let hasFailed = false;
  try {
    const reports = await Promise.all(processes.map(async (process) => {
      const { stdout, stderr } = await process.output();
      const text = new TextDecoder().decode(stdout);
      if (!text.startsWith("{")) {
        if (hasFailed) return NOTHING;
        throw new Error(`No report: ${new TextDecoder().decode(stderr)}`);
      }
      const report = JSON.parse(text) as Report;
      hasFailed ||= report.failed !== null;
      // The others need not go on.
      if (hasFailed) { for (const other of processes) if (other !== process) kill(other); }
      return report;
    }));
    return sum(reports, performance.now() - startedAt);
  } finally {
    await Deno.remove(map);
  }
}

function sum(reports: readonly Report[], ms: number): Simulated {
  const { hash = "", failed = null, shrunk = null } = reports.find(({ failed }) => failed) ??
    reports[0] ?? {};
  const total = (name: "runs" | "steps") => reports.reduce((sum, report) => sum + report[name], 0);
  return { hash, failed, shrunk, runs: total("runs"), steps: total("steps"), ms };
}

/** The packages of the tests, and the simulated timers in place of Node's. */
async function writeImportMap(root: URL): Promise<string> {
  const platform = (name: string) => new URL(`tests/simulation/platform/${name}.ts`, root).href;
  const imports = {
    ...denoJson.imports,
    "/client.js": new URL("src/client/mod.ts", root).href,
    "node:timers": platform("timers"),
    "node:timers/promises": platform("timers_promises"),
  };
  const path = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(path, JSON.stringify({ imports }));
  return path;
}

function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

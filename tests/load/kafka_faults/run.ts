/** Runs many cases at once, and says what failed. */
import type { FaultCase } from "./cases.ts";
import { type FaultResult, runCase } from "./run_case.ts";
import { startStage } from "./stage.ts";

export interface FaultRun {
  readonly cases: readonly FaultCase[];
  readonly seed: number;
  /** How many cases run at the same time. */
  readonly atOnce: number;
  /** Called with each result. */
  readonly onResult?: (result: FaultResult) => void;
}

export async function runFaults(
  { cases, seed, atOnce, onResult = () => {} }: FaultRun,
): Promise<FaultResult[]> {
  await using stage = await startStage();
  const results: FaultResult[] = [];
  const waiting = cases.entries();
  const runOneByOne = async () => {
    for (const [i, faultCase] of waiting) {
      const result = await runCase(faultCase, { stage, seed: seed + i });
      results.push(result);
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runOneByOne));
  return results;
}

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
  await using stage = await startStage({ topics: Math.min(atOnce, cases.length) });
  const results: FaultResult[] = [];
  const waiting = cases.entries();
  await Promise.all(stage.topics.map(async (topic) => {
    for (const [i, faultCase] of waiting) {
      const result = await runCase(faultCase, { stage, topic, seed: seed + i });
      results.push(result);
      onResult(result);
    }
  }));
  return results;
}

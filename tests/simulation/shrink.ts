/** Finds the shortest way to a failure: leaves parts of the schedule out while the failure stays. */
import { type Outcome, simulate } from "./simulate.ts";
import type { Action } from "./world/plan.ts";

/** Milliseconds of quiet: not as many as in the first run, which would take too long each time. */
const STUCK_MS = 60_000;

/** What a shrunk run has in common with the first one: its failure, whatever the numbers in it. */
function kindOf({ failure }: Outcome): string | null {
  return failure && failure.message.split("\n")[0]?.replace(/[\da-f]{32}|[\d.]+/g, "N") || null;
}

/**
 * Shrinks a run.
 *
 * @param options.isOver Asked before each try: whether it has taken long enough
 * @returns The shortest run that was found
 */
export async function shrink(
  failed: Outcome,
  { isOver }: { isOver: () => boolean },
): Promise<Outcome> {
  const kind = kindOf(failed);
  let best = failed;
  const tryOut = async (schedule: readonly Action[]) => {
    const outcome = await simulate(failed.seed, {
      schedule,
      keepsLines: true,
      stuckMs: STUCK_MS,
    });
    if (kindOf(outcome) !== kind) return false;
    best = outcome;
    return true;
  };
  if (isOver() || !await tryOut(failed.done)) return failed;
  for (let size = Math.ceil(best.done.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = best.done.length - size; from > -size; from -= size) {
      if (isOver()) return best;
      const at = Math.max(0, from);
      await tryOut([...best.done.slice(0, at), ...best.done.slice(at + size)]);
      from = Math.min(from, best.done.length);
    }
  }
  return best;
}

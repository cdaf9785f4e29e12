/** One run of a simulation: a schedule, then quiet, then the end; and all that must hold meanwhile. */
import { Violation } from "./oracle/knowledge.ts";
import { Invariants } from "./oracle/invariants.ts";
import type { StepKind } from "./platform/trace.ts";
import { act } from "./world/actions.ts";
import { type Action, createPlan, createSchedule } from "./world/plan.ts";
import { World } from "./world/world.ts";

/** How a run has ended. */
export interface Outcome {
  readonly seed: number;
  readonly steps: number;
  readonly counts: Readonly<Record<StepKind, number>>;
  /** Equal for two runs in which the same has happened. */
  readonly hash: string;
  readonly failure: Error | null;
  /** What has happened of the schedule. */
  readonly done: readonly Action[];
  /** What has happened, if the run keeps it. */
  readonly lines: readonly string[];
}

/** Options of {@linkcode simulate}. */
export interface SimulateOptions {
  /** Steps until the quiet begins. */
  readonly steps?: number;
  /** What happens, in place of the schedule of the seed. */
  readonly schedule?: readonly Action[];
  readonly keepsLines?: boolean;
  /** Milliseconds of quiet within which the next one must get on. */
  readonly stuckMs?: number;
}

/** Steps between two looks at what is not checked at each step. */
const LOOK_EVERY = 200;
/** Milliseconds between two looks at whether everybody has everything. */
const SETTLE_MS = 5000;
/** Milliseconds within which the next one must get on, and within which all must be done. */
const STUCK_MS = 600_000;
const MAX_SETTLE_MS = 10 * STUCK_MS;

/** Runs a simulation. */
export async function simulate(
  seed: number,
  { steps = Infinity, schedule, keepsLines = false, stuckMs = STUCK_MS }: SimulateOptions = {},
): Promise<Outcome> {
  const plan = createPlan(seed);
  const world = new World(plan, { seed, keepsLines });
  const invariants = new Invariants(world);
  const done: Action[] = [];
  let failure: Error | null = null;
  const removeDefects = onDefect((defect) => world.failure ??= defect);
  try {
    let lookAt = LOOK_EVERY;
    for (const action of schedule ?? createSchedule(seed, plan)) {
      await world.run(action.at - world.loop.elapsed, { maxSteps: steps });
      if (world.trace.steps >= steps) break;
      done.push(action);
      act(world, action);
      if (world.trace.steps >= lookAt) {
        lookAt += LOOK_EVERY;
        invariants.check();
      }
    }
    await settle(world, { invariants, stuckMs });
    await end(world, invariants);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  } finally {
    removeDefects();
  }
  const { counts, hash, lines } = world.trace;
  return { seed, steps: world.trace.steps, counts, hash, failure, done, lines };
}

/** All faults are over. Lets time go on until everybody is live and has everything. */
async function settle(
  world: World,
  { invariants, stuckMs }: { invariants: Invariants; stuckMs: number },
): Promise<void> {
  world.trace.note("* all faults are over");
  world.heal();
  await world.run(SETTLE_MS);
  // Instances that were started meanwhile.
  world.heal();
  // Whoever is at a place that nobody has read yet gets on.
  world.writeToAll();
  const until = world.loop.now + MAX_SETTLE_MS;
  let latest: { readonly problem: string; readonly at: number } | undefined;
  for (;;) {
    await world.run(SETTLE_MS);
    invariants.check();
    const problem = invariants.unsettled();
    if (problem === null) return;
    const { now } = world.loop;
    if (problem !== latest?.problem) latest = { problem, at: now };
    if (now > latest.at + stuckMs || now > until) throw new Violation(`in the end, ${problem}`);
  }
}

/** Ends all. Nothing may be left behind. */
async function end(world: World, invariants: Invariants): Promise<void> {
  world.trace.note("* the end");
  for (const client of world.clients) client.quit();
  await world.run(40_000);
  invariants.checkEmpty();
  for (const instance of world.instances) {
    world.loop.after(0, () => void instance.drain(), instance.process);
  }
  await world.run(20_000);
  invariants.checkEnded();
}

/** Errors that nobody handles are defects. */
function onDefect(note: (defect: unknown) => void): () => void {
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    note(new Violation(`a defect: ${event.reason?.stack ?? event.reason}`));
  };
  addEventListener("unhandledrejection", listener);
  return () => removeEventListener("unhandledrejection", listener);
}

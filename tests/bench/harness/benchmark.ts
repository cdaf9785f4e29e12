/**
 * How benchmarks measure: two variants in turn, in one run. A disturbance hits both, so their ratio says
 * something on any machine.
 */
import { type Clock, systemClock } from "./clock.ts";
import { median, spread } from "./statistics.ts";

/** The factor by which a round may exceed its plan. */
const MAX_OVER_PLAN = 1.5;
/** Milliseconds that a plan has at least, because a pause of the system can be longer than less. */
const MIN_PLAN_MS = 1000;
/** Milliseconds by which a clock may be corrected during a round. */
const MAX_CLOCK_STEP_MS = 10;

/** The result of one round of one variant. */
export interface Sample {
  /** By their names in the options. */
  readonly figures: Readonly<Record<string, number>>;
  /** How many of the messages came, such as pushes. */
  readonly delivered: number;
  /** How many should have come: exactly this number. */
  readonly expected: number;
  /** Other reasons why the round is invalid. */
  readonly problems?: readonly string[];
}

/** Something that is measured in turn with others, such as wss or the bare baseline. */
export interface Variant {
  readonly name: string;
  /** Does one round. When this resolves, all of it is over. */
  measure(): Promise<Sample>;
}

/** The value that a figure should reach. */
export interface Target {
  /** Whether it is for the ratio of the first variant to the second, or for the first one's value. */
  readonly of: "ratio" | "value";
  readonly bound: "at most" | "at least";
  readonly value: number;
}

/** A figure without its values. */
export interface FigureInfo {
  /** Such as `ms`, or `""` for a plain number. */
  readonly unit: string;
  /** Whether to show the ratio of the first variant to the second. */
  readonly hasRatio?: boolean;
  readonly target?: Target;
}

/** The values of all rounds in their order, with median and spread. */
export interface Summary {
  readonly values: readonly number[];
  readonly median: number;
  /** Half the distance from the lowest to the highest value, as a part of the median. */
  readonly spread: number;
}

/** A figure with the values of all variants. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly byVariant: readonly (Summary & { readonly variant: string })[];
  /** The ratio of the first variant to the second, round by round. */
  readonly ratio?: Summary;
  readonly target?: Target;
  /** Whether the median reaches the target. */
  readonly isReached?: boolean;
}

/** One table of a benchmark, as the JSON file has it. */
export interface Result {
  readonly benchmark: string;
  /** The name of the table, such as `1000 sessions, 8 KiB`. */
  readonly case: string;
  readonly rounds: number;
  readonly figures: readonly Figure[];
  /** Why its figures are invalid; empty if they are valid. */
  readonly invalid: readonly string[];
}

/** One benchmark of `deno task bench`. */
export interface Benchmark {
  readonly name: string;
  /** Runs, and reports each result. `small` only shows, within seconds, that everything works. */
  run(options: { small: boolean; report: (result: Result) => void }): Promise<void>;
}

/** What {@linkcode measureInTurn} needs. */
export interface MeasureOptions {
  readonly benchmark: string;
  readonly case: string;
  /** Rounds of each variant that are measured. */
  readonly rounds: number;
  /** Rounds of each variant before these, which are not counted. */
  readonly warmUps: number;
  /**
   * Milliseconds that a round should take, if its load has a fixed pace. The default is the slowest
   * warm-up of the variant, for load that is sent as fast as possible: cold code is slower than the code
   * that is measured, so a round that takes over 1.5 times as long was disturbed. A plan has at least a
   * second.
   */
  readonly planMs?: number;
  /** In the order in which the table shows them. */
  readonly figures: Readonly<Record<string, FigureInfo>>;
  /** For tests. */
  readonly clock?: Clock;
}

/** How often to measure: five rounds after two warm-ups, or one after one in the small form. */
export function turns(small: boolean): Pick<MeasureOptions, "rounds" | "warmUps"> {
  return small ? { rounds: 1, warmUps: 1 } : { rounds: 5, warmUps: 2 };
}

/**
 * Measures variants in turn: A B A B. Ratios are of the first variant to the second.
 *
 * A result is invalid if one of its rounds got more or fewer messages than expected, took over 1.5 times
 * its plan, or has a figure that is not a number; if a clock was set; or if a variant says so.
 *
 * @returns The result, valid or not
 */
export async function measureInTurn(
  variants: readonly Variant[],
  { rounds, warmUps, planMs, figures, clock = systemClock, ...names }: MeasureOptions,
): Promise<Result> {
  const invalid: string[] = [];
  const turns = variants.map((variant) => ({
    variant,
    samples: [] as Sample[],
    planMs: Math.max(planMs ?? 0, MIN_PLAN_MS),
  }));
  for (let round = -warmUps; round < rounds; round++) {
    for (const turn of turns) {
      const { variant, samples } = turn;
      const { sample, tookMs, clockStepMs } = await time(variant, clock);
      if (round < 0) {
        if (planMs === undefined) turn.planMs = Math.max(turn.planMs, tookMs);
        continue;
      }
      samples.push(sample);
      const problems = problemsOf(sample, { names: Object.keys(figures), clockStepMs });
      if (tookMs > MAX_OVER_PLAN * turn.planMs) {
        problems.push(`took ${tookMs.toFixed(0)} ms, planned were ${turn.planMs.toFixed(0)}`);
      }
      invalid.push(...problems.map((problem) => `${variant.name}, round ${round + 1}: ${problem}`));
    }
  }
  return {
    ...names,
    rounds,
    figures: Object.entries(figures).map(([name, info]) =>
      figureOf(
        { name, ...info },
        turns.map(({ variant, samples }) => ({
          variant: variant.name,
          ...summary(samples.map(({ figures }) => figures[name] ?? NaN)),
        })),
      )
    ),
    invalid,
  };
}

async function time(variant: Variant, clock: Clock) {
  const start = clock.monotonic();
  const difference = clock.wall() - start;
  const sample = await variant.measure();
  const end = clock.monotonic();
  return { sample, tookMs: end - start, clockStepMs: clock.wall() - end - difference };
}

function problemsOf(
  { delivered, expected, figures, problems: own = [] }: Sample,
  { names, clockStepMs }: { names: string[]; clockStepMs: number },
): string[] {
  const problems = [...own];
  if (delivered !== expected) problems.push(`${delivered} of ${expected} delivered`);
  if (expected <= 0) problems.push("nothing was to be delivered");
  if (Math.abs(clockStepMs) > MAX_CLOCK_STEP_MS) {
    problems.push(`the clock was set by ${clockStepMs.toFixed(0)} ms`);
  }
  for (const name of names) {
    const value = figures[name];
    // Times and counts: a negative one comes from a clock that was set.
    if (value === undefined || !(value >= 0 && value < Infinity)) {
      problems.push(`${name} is ${value}`);
    }
  }
  return problems;
}

function summary(values: readonly number[]): Summary {
  return { values, median: median(values), spread: spread(values) };
}

function figureOf(
  { name, unit, hasRatio = false, target }: FigureInfo & { name: string },
  byVariant: Figure["byVariant"],
): Figure {
  const [first, second] = byVariant;
  const figure = { name, unit, byVariant };
  const ratio = hasRatio && first && second
    ? summary(first.values.map((value, round) => value / (second.values[round] ?? NaN)))
    : undefined;
  const judged = target?.of === "ratio" ? ratio : first;
  return {
    ...figure,
    ...ratio && { ratio },
    ...target && judged && { target, isReached: reaches(judged.median, target) },
  };
}

function reaches(value: number, { bound, value: limit }: Target): boolean {
  return bound === "at most" ? value <= limit : value >= limit;
}

/**
 * How things are measured: two variants in turn, in one run, so that what disturbs one of them
 * disturbs the other as well, and the ratio between them says something on any machine.
 */
import { type Clock, systemClock } from "./clock.ts";
import { median, spread } from "./statistics.ts";

/** How much longer than planned a round may take. */
const MAX_OVER_PLAN = 1.5;
/** Milliseconds below which a round's plan says nothing: a pause of the system is longer. */
const MIN_PLAN_MS = 1000;
/** Milliseconds by which a clock may be corrected during a round. */
const MAX_CLOCK_STEP_MS = 10;

/** What one round of one variant gave. */
export interface Sample {
  /** By the names under which they were announced. */
  readonly figures: Readonly<Record<string, number>>;
  /** How much of what was sent has come, such as pushes. */
  readonly delivered: number;
  /** How much should have come, and no more. */
  readonly expected: number;
  /** What else makes the round invalid. */
  readonly problems?: readonly string[];
}

/** Something that is measured in turn with others, such as wss and the bare baseline. */
export interface Variant {
  readonly name: string;
  /** Does one round; all of it is over when this resolves. */
  measure(): Promise<Sample>;
}

/** What a figure should be. */
export interface Target {
  /** Of the ratio of the first variant to the second, or of the first one's own value. */
  readonly of: "ratio" | "value";
  readonly bound: "at most" | "at least";
  readonly value: number;
}

/** What is said of a figure besides its values. */
export interface FigureInfo {
  /** Such as `ms`, or `""` for a plain number. */
  readonly unit: string;
  /** Whether the ratio of the first variant to the second is of interest. */
  readonly hasRatio?: boolean;
  readonly target?: Target;
}

/** The values of all rounds, in their order, and what they come to. */
export interface Summary {
  readonly values: readonly number[];
  readonly median: number;
  /** Half the distance from the lowest to the highest, as a part of the median. */
  readonly spread: number;
}

/** A figure of all variants. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly byVariant: readonly (Summary & { readonly variant: string })[];
  /** Of the first variant to the second, round by round. */
  readonly ratio?: Summary;
  readonly target?: Target;
  /** Whether the median is what the target says. */
  readonly isReached?: boolean;
}

/** One table of a benchmark, as it is written to the JSON file. */
export interface Result {
  readonly benchmark: string;
  /** Which of the benchmark's tables it is, such as `1000 sessions, 8 KiB`. */
  readonly case: string;
  readonly rounds: number;
  readonly figures: readonly Figure[];
  /** Why its figures say nothing; empty where they do. */
  readonly invalid: readonly string[];
}

/** One entry of the list that `deno task bench` runs. */
export interface Benchmark {
  readonly name: string;
  /** Reports results as they come; `small` is for seeing in a few seconds that all of it works. */
  run(options: { small: boolean; report: (result: Result) => void }): Promise<void>;
}

/** What {@linkcode measureInTurn} needs. */
export interface MeasureOptions {
  readonly benchmark: string;
  readonly case: string;
  /** Measured rounds of each variant. */
  readonly rounds: number;
  /** Rounds of each variant in front of them, of which nothing is kept. */
  readonly warmUps: number;
  /**
   * Milliseconds that a round should take: for load that is sent at a fixed pace. By default each
   * variant's slowest warm-up, for load that is sent as fast as it is taken: code that is cold is slower
   * than what is measured, so that a round that takes half as long again was disturbed by something else.
   * No plan is shorter than a second.
   */
  readonly planMs?: number;
  /** In the order in which they are shown. */
  readonly figures: Readonly<Record<string, FigureInfo>>;
  /** For tests. */
  readonly clock?: Clock;
}

/** How often to measure: five rounds and two to warm up, or one and one in the small form. */
export function turns(small: boolean): Pick<MeasureOptions, "rounds" | "warmUps"> {
  return small ? { rounds: 1, warmUps: 1 } : { rounds: 5, warmUps: 2 };
}

/**
 * Measures variants in turn: A B A B. The first is what ratios are of, the second what they are to.
 *
 * A result is invalid where in any of its rounds not all has come that was expected, or more; where a
 * clock was set; where a round took over 1.5 times its plan; where a figure is no number; and where a
 * variant says so.
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
    // Times and counts, of which none can be negative but by a clock that was set.
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

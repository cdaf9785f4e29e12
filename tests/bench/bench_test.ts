import { assertEquals, assertMatch } from "@std/assert";
import {
  measureInTurn,
  type MeasureOptions,
  type Sample,
  type Variant,
} from "./harness/benchmark.ts";
import { type Counter, FrameCounter, StampCounter, TextCounter } from "./clients/counters.ts";
import type { Clock } from "./harness/clock.ts";
import { median, quantile, spread } from "./harness/statistics.ts";
import { tableOf } from "./harness/table.ts";

/** What a round does, and how long it takes. */
interface Round extends Partial<Sample> {
  tookMs?: number;
  /** Milliseconds by which the clock is set meanwhile. */
  clockStepMs?: number;
}

const GOOD: Sample = { figures: { cost: 2 }, delivered: 10, expected: 10 };

/** Measures variants that do what each round says. The last round is repeated if there are more. */
async function measure(
  scripts: Record<string, readonly Round[]>,
  options: Partial<MeasureOptions> = {},
) {
  let now = 0;
  let wall = 1_000_000;
  const clock: Clock = { monotonic: () => now, wall: () => wall };
  const order: string[] = [];
  const variants = Object.entries(scripts).map(([name, rounds]): Variant => {
    let next = 0;
    return {
      name,
      measure() {
        const { tookMs = 2000, clockStepMs = 0, ...sample } = rounds[next] ?? rounds.at(-1) ?? {};
        next++;
        order.push(name);
        now += tookMs;
        wall += tookMs + clockStepMs;
        return Promise.resolve({ ...GOOD, ...sample });
      },
    };
  });
  const result = await measureInTurn(variants, {
    benchmark: "made up",
    case: "one",
    rounds: 3,
    warmUps: 1,
    figures: { cost: { unit: "µs", hasRatio: true } },
    clock,
    ...options,
  });
  return { result, order: order.join(" ") };
}

/** Says why a run is invalid, given the second measured round of its second variant. */
async function problemsOf(round: Round, options: Partial<MeasureOptions> = {}) {
  const { result } = await measure({ wss: [{}], bare: [{}, {}, round, {}] }, options);
  return result.invalid;
}

Deno.test("variants are measured in turn, and warm-up rounds are not counted", async () => {
  const cost = (value: number) => ({ figures: { cost: value } });
  const { result, order } = await measure({
    wss: [cost(100), cost(1), cost(3), cost(8)],
    bare: [cost(100), cost(2), cost(2), cost(4)],
  });
  assertEquals(order, "wss bare wss bare wss bare wss bare");
  assertEquals(result.invalid, []);
  assertEquals(result.figures, [{
    name: "cost",
    unit: "µs",
    byVariant: [
      { variant: "wss", values: [1, 3, 8], median: 3, spread: 3.5 / 3 },
      { variant: "bare", values: [2, 2, 4], median: 2, spread: 0.5 },
    ],
    // The median of the rounds' ratios is not the ratio of the medians.
    ratio: { values: [0.5, 1.5, 2], median: 1.5, spread: 0.5 },
  }]);
});

Deno.test("a run without problems is valid", async () => {
  assertEquals(await problemsOf({}), []);
});

Deno.test("a run is invalid if too few or too many messages came, or if nothing was sent", async () => {
  assertEquals(await problemsOf({ delivered: 9 }), ["bare, round 2: 9 of 10 delivered"]);
  assertEquals(await problemsOf({ delivered: 11 }), ["bare, round 2: 11 of 10 delivered"]);
  assertEquals(await problemsOf({ delivered: 0, expected: 0 }), [
    "bare, round 2: nothing was to be delivered",
  ]);
});

Deno.test("a run is invalid if a clock was set, but not if it was corrected a little", async () => {
  assertEquals(await problemsOf({ clockStepMs: -50 }), [
    "bare, round 2: the clock was set by -50 ms",
  ]);
  assertEquals(await problemsOf({ clockStepMs: 50 }), [
    "bare, round 2: the clock was set by 50 ms",
  ]);
  assertEquals(await problemsOf({ clockStepMs: -5 }), []);
});

Deno.test("a run is invalid if a round took over 1.5 times as long as the slowest warm-up", async () => {
  assertEquals(await problemsOf({ tookMs: 3001 }), [
    "bare, round 2: took 3001 ms, planned were 2000",
  ]);
  assertEquals(await problemsOf({ tookMs: 2999 }), []);
});

Deno.test("a given plan replaces the time of the warm-up", async () => {
  assertEquals(
    await problemsOf({ tookMs: 2999 }, { planMs: 1900 }),
    ["bare, round 2: took 2999 ms, planned were 1900"],
  );
});

Deno.test("no plan is shorter than a second", async () => {
  const rounds = (tookMs: number) => [{ tookMs: 20 }, { tookMs }];
  assertEquals((await measure({ wss: rounds(1400) })).result.invalid, []);
  assertEquals((await measure({ wss: rounds(1501) })).result.invalid.length, 3);
});

Deno.test("a run is invalid if a figure is missing, negative or not a number", async () => {
  for (const figures of [{}, { cost: -1 }, { cost: NaN }, { cost: Infinity }]) {
    const [problem, ...others] = await problemsOf({ figures });
    assertMatch(problem ?? "", /^bare, round 2: cost is (undefined|-1|NaN|Infinity)$/);
    assertEquals(others, []);
  }
});

Deno.test("a run is invalid if a variant says so", async () => {
  assertEquals(await problemsOf({ problems: ["came too early"] }), [
    "bare, round 2: came too early",
  ]);
});

Deno.test("a target is for the ratio or for the first variant, as an upper or a lower bound", async () => {
  const reached = async (of: "ratio" | "value", bound: "at most" | "at least", value: number) => {
    const { result } = await measure({ wss: [{}], bare: [{ figures: { cost: 4 } }] }, {
      figures: { cost: { unit: "µs", hasRatio: true, target: { of, bound, value } } },
    });
    return result.figures[0]?.isReached;
  };
  assertEquals(await reached("ratio", "at most", 0.5), true);
  assertEquals(await reached("ratio", "at most", 0.4), false);
  assertEquals(await reached("ratio", "at least", 0.6), false);
  assertEquals(await reached("value", "at most", 2), true);
  assertEquals(await reached("value", "at least", 2.1), false);
});

Deno.test("the table has medians, spreads, targets and problems", async () => {
  const figures = {
    cost: {
      unit: "µs",
      hasRatio: true,
      target: { of: "ratio", bound: "at most", value: 0.4 },
    },
    pushes: { unit: "" },
  } as const;
  const { result } = await measure({
    wss: [{ figures: { cost: 2, pushes: 12345 } }],
    bare: [{ figures: { cost: 4, pushes: 99.5 }, delivered: 9 }],
  }, { figures, rounds: 1 });
  assertEquals(
    tableOf(result),
    `\
made up, one (rounds: 1)
                    wss       bare       ratio  target
  cost, µs    2.00 ±0 %  4.00 ±0 %  0.500 ±0 %  ratio ≤ 0.400 MISSED
  pushes    12,345 ±0 %  99.5 ±0 %
  INVALID: bare, round 1: 9 of 10 delivered`,
  );
});

Deno.test("median, quantiles and spread are those of the values", () => {
  assertEquals([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])], [2, 2.5, 7]);
  assertEquals(median([]), NaN);
  assertEquals(quantile([10, 20, 30, 40, 50], 0.75), 40);
  assertEquals(quantile([0, 10], 0.99), 9.9);
  assertEquals(spread([9, 10, 11]), 0.1);
  assertEquals(spread([0, 0]), 0);
});

/** Makes a frame as a server sends it. */
function serverFrame(length: number, opcode = 1): number[] {
  const size = length < 126
    ? [length]
    : length < 65_536
    ? [126, length >> 8, length & 255]
    : [127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => length >> bits & 255)];
  return [0x80 | opcode, ...size, ...new Array(length).fill(120)];
}

/** Counts in bytes that come in pieces of this size. */
function countIn(counter: Counter, { bytes, size }: { bytes: Uint8Array; size: number }): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += size) {
    count += counter.take(bytes.subarray(at, at + size));
  }
  return count;
}

Deno.test("text frames of every length are counted, whatever the pieces", () => {
  const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 100_000];
  const PING = 9;
  const bytes = new Uint8Array([
    ...lengths.flatMap((length) => serverFrame(length)),
    ...serverFrame(4, PING),
    ...serverFrame(0, PING),
    ...serverFrame(10),
  ]);
  for (const size of [1, 2, 3, 7, 1000, bytes.length]) {
    assertEquals(countIn(new FrameCounter(), { bytes, size }), lengths.length + 1, `by ${size}`);
    const cut = bytes.subarray(0, -1);
    assertEquals(countIn(new FrameCounter(), { bytes: cut, size }), lengths.length, `by ${size}`);
  }
});

Deno.test("a text is counted as often as it comes, whatever the pieces", () => {
  const text = '[{"rid":-1,"status":"update"},{"status":"ok","x":"status"},{"status":"update"}]';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 5, bytes.length]) {
    assertEquals(countIn(new TextCounter('"status":"update"'), { bytes, size }), 2, `by ${size}`);
  }
});

Deno.test("a stamp is reported once, whatever the pieces", () => {
  const bytes = new TextEncoder().encode('{"n":1,"at":1763.25}{"at":17}é{"at":5,"x":""}');
  for (let size = 1; size <= bytes.length; size++) {
    const stamps: number[] = [];
    const counter = new StampCounter((at) => stamps.push(at));
    let count = 0;
    for (let at = 0; at < bytes.length; at += size) {
      count += counter.take(bytes.subarray(at, at + size));
    }
    assertEquals([count, stamps], [3, [1763.25, 17, 5]], `${size} bytes at once`);
  }
});

Deno.test("a benchmark that breaks off does not keep the others from running, and is written to the file", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  // Without the permission to start processes, every benchmark breaks off.
  const rights = ["--allow-env", "--allow-read", "--allow-sys", `--allow-write=${file}`];
  const main = new URL("./main.ts", import.meta.url).href;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...rights, main, "burst", "requests", "--small", "--json", file],
  }).output();
  const { results, brokenOff } = JSON.parse(await Deno.readTextFile(file));
  await Deno.remove(file);

  assertEquals(code, 1);
  assertMatch(new TextDecoder().decode(stdout), /^burst broke off: NotCapable: .*run access/m);
  assertEquals(results, []);
  assertEquals(brokenOff.map(({ benchmark }: { benchmark: string }) => benchmark), [
    "burst",
    "requests",
  ]);
});

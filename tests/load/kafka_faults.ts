/**
 * `deno task kafka:faults`: whether any fault of Kafka ends a service or loses a record. Each case is one
 * fault at one kind of request, once or for 5 s, while the service starts or runs.
 *
 * Prints a table of the cases that failed, and ends with 1 if there are any.
 */
import { parseArgs } from "node:util";
import { faultCases } from "./kafka_faults/cases.ts";
import { runFaults } from "./kafka_faults/run.ts";
import { sampleOf, shuffled } from "./kafka_faults/sample.ts";

/** How many of the slowest cases to name. */
const SLOWEST = 10;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(crypto.getRandomValues(new Uint16Array(1))[0]) },
    /** Only cases with this in their names. */
    case: { type: "string", default: "" },
    "at-once": { type: "string", default: "30" },
    /** Only one of each request and kind, and as many more, chosen by the seed. */
    sample: { type: "string" },
  },
});
// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

const seed = Number(values.seed);
const all = faultCases().filter(({ name }) => name.includes(values.case));
const cases = values.sample === undefined
  ? shuffled(all, seed)
  : sampleOf(all, { seed, more: Number(values.sample) });
say(`Seed ${seed}; ${cases.length} cases`);

const unhandled: string[] = [];
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  const text = event.reason instanceof Error ? event.reason.stack : String(event.reason);
  unhandled.push(text ?? "");
  say(`Unhandled: ${text}`);
});

const startedAt = performance.now();
let done = 0;
const results = await runFaults({
  cases,
  seed,
  atOnce: Number(values["at-once"]),
  onResult({ name, problem }) {
    if (problem !== null) say(`FAILED ${name}: ${problem}`);
    if (++done % 100 === 0) {
      say(
        `${done} of ${cases.length} after ${Math.round((performance.now() - startedAt) / 1000)} s`,
      );
    }
  },
});

const failed = results.filter(({ problem }) => problem !== null);
const passed = results.filter(({ problem }) => problem === null)
  .sort((a, b) => a.recoveryMs - b.recoveryMs);
const msOf = (part: number) => {
  const { recoveryMs = NaN } = passed[Math.floor(part * (passed.length - 1))] ?? {};
  return `${Math.round(recoveryMs)} ms`;
};
say("");
say("The slowest:");
for (const { name, recoveryMs } of passed.slice(-SLOWEST)) {
  say(`${Math.round(recoveryMs)} ms | ${name}`);
}
say("");
if (failed.length > 0) say("Failed:");
for (const { name, problem } of failed) say(`${name} | ${problem}`);
say(
  `${results.length} cases, ${failed.length} failed, ${unhandled.length} unhandled rejections; ` +
    `well again after ${msOf(0.5)} (half), ${msOf(0.99)} (99 %), ${msOf(1)} (all)`,
);
Deno.exit(failed.length + unhandled.length === 0 ? 0 : 1);

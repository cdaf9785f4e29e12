/**
 * `deno task bench [NAME…] [--small] [--json FILE]`: the cost of wss beside that of a bare server that
 * sends the same. It prints tables, and writes all values to a file. A benchmark that breaks off does not
 * keep the others from running. It ends with 1 if a benchmark broke off or a result is invalid. A missed
 * target is shown, but is not a failure, because machines differ.
 */
import { parseArgs } from "node:util";
import type { Benchmark, Result } from "./harness/benchmark.ts";
import { thisMachine } from "./harness/machine.ts";
import { tableOf } from "./harness/table.ts";
import { burst } from "./cases/burst.ts";
import { connections } from "./cases/connections.ts";
import { fanOut } from "./cases/fan_out.ts";
import { growth } from "./cases/named/growth.ts";
import { isolation } from "./cases/named/isolation.ts";
import { latency } from "./cases/latency.ts";
import { observation } from "./cases/named/observation.ts";
import { requests } from "./cases/requests.ts";
import { resume } from "./cases/resume.ts";
import { start } from "./cases/start.ts";
import { streams } from "./cases/named/streams.ts";
import { targeted } from "./cases/targeted.ts";
import { waiting } from "./cases/waiting.ts";

/** The benchmarks that run without names, in this order. */
const BENCHMARKS: readonly Benchmark[] = [
  fanOut,
  waiting,
  burst,
  targeted,
  latency,
  resume,
  requests,
  connections,
  start,
];
/** The benchmarks that run only by name. */
const OTHERS: readonly Benchmark[] = [isolation, observation, growth, streams];
const ALL = [...BENCHMARKS, ...OTHERS];

const { values: { small, json }, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    small: { type: "boolean", default: false },
    json: { type: "string", default: "bench.json" },
  },
});

// deno-lint-ignore no-console
const print = (text: string) => console.log(text);

const unknown = names.filter((name) => !ALL.some((benchmark) => benchmark.name === name));
if (unknown.length > 0) {
  const allowed = ALL.map(({ name }) => name).join(", ");
  // deno-lint-ignore no-console
  console.error(`Cannot run ${unknown.join(", ")}: expected names among ${allowed}`);
  Deno.exit(2);
}
const chosen = names.length === 0 ? BENCHMARKS : ALL.filter(({ name }) => names.includes(name));

const machine = thisMachine();
const startedAt = new Date().toISOString();
print(
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}, ` +
    `Deno ${machine.deno}${small ? "; small rounds, whose figures mean nothing" : ""}\n`,
);

const results: Result[] = [];
const brokenOff: { benchmark: string; error: string }[] = [];
for (const { name, run } of chosen) {
  try {
    await run({
      small,
      report(result) {
        results.push(result);
        print(`${tableOf(result)}\n`);
      },
    });
  } catch (error) {
    brokenOff.push({ benchmark: name, error: String(error) });
    print(`${name} broke off: ${error}\n`);
  }
}
await Deno.writeTextFile(
  json,
  `${
    JSON.stringify(
      {
        startedAt,
        command: ["deno task bench", ...Deno.args].join(" "),
        machine,
        results,
        brokenOff,
      },
      null,
      2,
    )
  }\n`,
);
const invalid = results.filter((result) => result.invalid.length > 0);
print(
  `${results.length} results, ${invalid.length} of them invalid, in ${json}; ` +
    `${brokenOff.length} benchmarks broke off`,
);
Deno.exit(invalid.length + brokenOff.length > 0 ? 1 : 0);

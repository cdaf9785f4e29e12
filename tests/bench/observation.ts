/**
 * `deno task bench:observation`: what metrics and the trace for `/why` cost. CPU time of the server
 * for a fan-out to 1,000 sessions, of the service as it is and of a build in which both do nothing; in
 * turn, in one run. Prints the ratio.
 */
import { fileURLToPath } from "node:url";
import { until, within } from "../_support/queue.ts";

const SESSIONS = 1000;
const MESSAGES = 100;
const ROUNDS = 21;

const ROOT = new URL("../../", import.meta.url);

/** A process that answers lines with lines of JSON. */
function startChild(script: string, args: string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "-q",
      fileURLToPath(new URL(`tests/_support/bench/${script}`, ROOT)),
      ...args,
    ],
    cwd: fileURLToPath(ROOT),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const writer = child.stdin.getWriter();
  const next = async () => {
    let text = "";
    while (!text.endsWith("\n")) {
      const { value, done } = await within(60_000, `a line of ${script}`, lines.read());
      if (done) throw new Error(`${script} has ended`);
      text += value;
    }
    return JSON.parse(text);
  };
  return {
    next,
    async ask(line: string) {
      await writer.write(new TextEncoder().encode(line));
      return await next();
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** The source, with metrics and trace that do nothing. */
async function copyWithout(folder: string): Promise<void> {
  const copy = await new Deno.Command("cp", { args: ["-r", "src", "deno.json", folder], cwd: ROOT })
    .output();
  if (!copy.success) throw new Error("Cannot copy the source");
  await Deno.writeTextFile(
    `${folder}/src/metrics.ts`,
    `const none = () => {};
const metric = { inc: none, dec: none, observe: none, set: none, reset: none, labels: () => metric, startTimer: () => none };
export const createMetrics = () => new Proxy({}, { get: () => metric });`,
  );
  await Deno.writeTextFile(
    `${folder}/src/trace.ts`,
    `export class Trace { sent() {} note() {} announced() {} resynced() {} over() {} trim() {} filled() {} }
export const briefOf = () => null;`,
  );
  await Deno.writeTextFile(
    `${folder}/src/gauges.ts`,
    "export const createGauges = () => () => {};",
  );
  await Deno.writeTextFile(
    `${folder}/src/event_loop.ts`,
    "export const startLoopMonitor = () => ({ stop() {} });",
  );
}

async function startBuild(source: string) {
  const server = startChild("server.ts", [source]);
  const { port } = await server.next();
  const clients = startChild("clients.ts", [String(port), String(SESSIONS)]);
  await clients.next();
  return {
    /** Milliseconds of CPU for a round. */
    async measure(): Promise<number> {
      const { cpuMs } = await server.ask(`${MESSAGES}\n`);
      return cpuMs;
    },
    /** Bytes that have come. */
    bytes: async (): Promise<number> => (await clients.ask("?\n")).bytes,
    async [Symbol.asyncDispose]() {
      await clients[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const folder = await Deno.makeTempDir({ prefix: "wss-bench-" });
try {
  await copyWithout(folder);
  await using withAll = await startBuild(new URL("src", ROOT).href);
  await using without = await startBuild(`file://${folder}/src`);
  const builds = [withAll, without];
  // To warm up.
  for (const build of builds) await build.measure();
  const times: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, build] of builds.entries()) times[i]?.push(await build.measure());
  }
  // The same from both; else something was lost, and nothing is to be said.
  await until(
    "both have got the same",
    async () => await withAll.bytes() === await without.bytes(),
  );
  const median = (values: number[] = []) => values.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? NaN;
  const show = (values: number[] = []) =>
    values.map((ms) => (ms * 1000 / MESSAGES / SESSIONS).toFixed(2)).join(", ");
  const ratios = times[0]?.map((ms, i) => ms / (times[1]?.[i] ?? NaN));
  // deno-lint-ignore no-console
  console.log(`CPU a push with metrics and trace: ${show(times[0])} µs
CPU a push without them:           ${show(times[1])} µs
median of the rounds' ratios: ${median(ratios).toFixed(3)}`);
} finally {
  await Deno.remove(folder, { recursive: true });
}

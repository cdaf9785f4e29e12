/**
 * The cost of metrics and of the delivery trace for `/why`: a fan-out by the service as it is, and by a
 * build in which both do nothing.
 */
import { type Benchmark, measureInTurn } from "../../harness/benchmark.ts";
import { startChild } from "../../harness/child.ts";
import { type Stage, startStage } from "../../harness/stage.ts";
import { SUBSCRIBE } from "../../clients/subscribers.ts";
import { fanOutRound } from "../fan_out.ts";

const ROOT = new URL("../../../", import.meta.url);

/** Source that does nothing, by the file that it replaces. */
const NOTHING = {
  "observe/metrics.ts": `
const none = () => {};
const metric = { inc: none, dec: none, observe: none, set: none, reset: none, labels: () => metric, startTimer: () => none, series: () => ({ count: 0 }) };
export const createMetrics = () => new Proxy({}, { get: () => metric });`,
  "observe/deliveries.ts": `
export class Deliveries { sent() {} stepped() {} resynced() {} announced() {} ended() {} }`,
  "observe/delivery_metrics.ts": "export class DeliveryMetrics {}",
  "observe/delivery_trace.ts": `
export class DeliveryTrace { trim() {} filled() {} }
export const briefOf = () => null;`,
  "admin/gauges.ts": "export const createGauges = () => function* () {};",
  "observe/loop_delay.ts": "export const startLoopDelayMonitor = () => ({ stop() {} });",
};

async function copyWithout(folder: string): Promise<void> {
  const copy = await new Deno.Command("cp", { args: ["-r", "src", "deno.json", folder], cwd: ROOT })
    .output();
  if (!copy.success) throw new Error("Cannot copy the source");
  for (const [name, text] of Object.entries(NOTHING)) {
    await Deno.writeTextFile(`${folder}/src/${name}`, text);
  }
}

/** Fan-out with and without metrics and delivery trace. */
export const observation: Benchmark = {
  name: "observation",
  async run({ small, report }) {
    await using backend = startChild("servers/instant_backend.ts");
    const { origin } = await backend.next();
    const sessions = small ? 50 : 1000;
    const messages = small ? 5 : 100;
    const folder = await Deno.makeTempDir({ prefix: "wss-bench-" });
    const clients = { clients: sessions, perPush: sessions, ...SUBSCRIBE };
    const start = (source: string) =>
      startStage({ script: "servers/server.ts", options: { backend: origin, source }, clients });
    const variant = (name: string, stage: Stage) => ({
      name,
      measure: async () =>
        (await fanOutRound(stage, { sessions, messages, bytes: () => 200 })).sample,
    });
    try {
      await copyWithout(folder);
      await using withAll = await start(new URL("src", ROOT).href);
      await using without = await start(`file://${folder}/src`);
      report(
        await measureInTurn([variant("with", withAll), variant("without", without)], {
          rounds: small ? 1 : 21,
          warmUps: 1,
          benchmark: "observation",
          case: `${sessions} sessions`,
          figures: { "CPU a push": { unit: "µs", hasRatio: true } },
        }),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
};

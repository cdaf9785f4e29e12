/**
 * `deno task soak`: whether anything is lost while instances, a broker and connections are killed.
 * Prints a report. Ends with 1 if a message was lost, or came twice on a connection or out of order.
 */
import { parseArgs } from "node:util";
import { randomFaults, runSoak } from "./soak/run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(crypto.getRandomValues(new Uint16Array(1))[0]) },
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "200" },
    rate: { type: "string", default: "200" },
    instances: { type: "string", default: "2" },
  },
});
const [seed, seconds, clients, rate, instances] = [
  values.seed,
  values.seconds,
  values.clients,
  values.rate,
  values.instances,
].map(Number) as [number, number, number, number, number];

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);
say(`Seed ${seed}: to repeat this run, deno task soak --seed=${seed} --seconds=${seconds}`);
const report = await runSoak({
  seed,
  seconds,
  clients,
  rate,
  instances,
  cutsMs: [2000, 8000],
  faults: randomFaults({ seed, seconds, instances }),
  say,
});
for (const [name, count] of Object.entries(report)) say(`${name.padEnd(12)} ${count}`);
Deno.exit(report.lost + report.twice + report.disordered === 0 ? 0 : 1);

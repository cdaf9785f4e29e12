/**
 * `deno task soak`: whether anything is lost while instances, brokers and connections are killed.
 * Prints a report. Ends with 1 if a message was lost, or came twice on a connection or out of order, or
 * if a service ended a connection.
 *
 * With `--brokers=3`, the brokers are a cluster, of which one at a time is killed, frozen or restarted,
 * and the right to read the topic is withdrawn from time to time.
 */
import { parseArgs } from "node:util";
import { randomClusterFaults, randomFaults } from "./soak/faults.ts";
import { runSoak } from "./soak/run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(crypto.getRandomValues(new Uint16Array(1))[0]) },
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "200" },
    rate: { type: "string", default: "200" },
    instances: { type: "string", default: "2" },
    brokers: { type: "string", default: "1" },
  },
});
const [seed, seconds, clients, rate, instances] = [
  values.seed,
  values.seconds,
  values.clients,
  values.rate,
  values.instances,
].map(Number) as [number, number, number, number, number];
const brokers = values.brokers === "3" ? 3 : 1;

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);
say(`Seed ${seed}: to repeat this run, deno task soak ${Deno.args.join(" ")} --seed=${seed}`);
const report = await runSoak({
  seed,
  seconds,
  clients,
  rate,
  instances,
  brokers,
  cutsMs: [2000, 8000],
  faults: (brokers === 3 ? randomClusterFaults : randomFaults)({ seed, seconds, instances }),
  say,
});
for (const [name, count] of Object.entries(report)) say(`${name.padEnd(12)} ${count}`);
const { lost, twice, disordered, disconnected } = report;
Deno.exit(lost + twice + disordered + disconnected === 0 ? 0 : 1);

/**
 * `deno task bench:peers [--small]`: what wss costs beside other servers that push notifications from
 * Kafka: Centrifugo, and Socket.IO with kafkajs, each where it is installed. It prints a table for each
 * load, and at the end one of all. It ends with 1 if a result is invalid.
 */
import { parseArgs } from "node:util";
import { measureInTurn, type MeasureOptions, type Result, turns } from "../harness/benchmark.ts";
import { startKafkaStage } from "../harness/kafka_stage.ts";
import { thisMachine } from "../harness/machine.ts";
import { requireFiles } from "../harness/stage.ts";
import { tableOf } from "../harness/table.ts";
import type { Peer } from "./peer.ts";
import { BASELINES, PEERS } from "./peers.ts";
import { type Connected, type Delivered, measureConnections, startPeerStage } from "./stage.ts";
import { summaryOf } from "./summary.ts";

/** Milliseconds that a round of new connections may take, with the start of the server. */
const CONNECTIONS_PLAN_MS = 60_000;

// deno-lint-ignore no-console
const print = (text: string) => console.log(text);

/** Gives those that are there, with their versions, and says how to install the others. */
async function findPeers(): Promise<{ peers: Peer[]; versions: string[] }> {
  const peers: Peer[] = [];
  const versions: string[] = [];
  for (const peer of PEERS) {
    const version = await peer.version();
    if (version === null) {
      print(`${peer.name} is not there; to install it: ${peer.install}`);
      continue;
    }
    peers.push(peer);
    versions.push(`${peer.name} ${version}`);
  }
  return { peers, versions };
}

const { values: { small } } = parseArgs({
  options: { small: { type: "boolean", default: false } },
});
const clients = small ? 30 : 3000;
const targeted = small ? 600 : 60_000;
const single = small ? 2 : 10;

const { peers, versions } = await findPeers();
const machine = thisMachine();
print(
  `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}; ${versions.join(", ")}` +
    `${small ? "; small rounds, whose figures mean nothing" : ""}\n`,
);
if (peers.length === BASELINES) {
  print("There is nothing to compare with");
  Deno.exit(0);
}
await requireFiles(3 * clients);
await using kafka = await startKafkaStage("bench:peers");
if (!kafka) Deno.exit(0);

const results: Result[] = [];
const measure = async (
  variants: { name: string; measure: () => Promise<MeasuredFigures> }[],
  { figures, title, ...options }: Partial<MeasureOptions> & Pick<MeasureOptions, "figures"> & {
    title: string;
  },
) => {
  const result = await measureInTurn(
    variants.map(({ name, measure }) => ({ name, measure })),
    { ...turns(small), ...options, figures, benchmark: "peers", case: title },
  );
  results.push(result);
  print(`${tableOf(result)}\n`);
};

/** What one round gives. */
interface MeasuredFigures {
  readonly figures: Readonly<Record<string, number>>;
  readonly delivered: number;
  readonly expected: number;
}

{
  await using stages = new AsyncDisposableStack();
  const started = [];
  for (const peer of peers) {
    const stage = stages.use(await startPeerStage(kafka, { peer, clients }));
    started.push({ name: peer.name, stage });
  }
  const perPush = ({ cpuMs, count }: Delivered) => cpuMs * 1000 / count;
  await measure(
    started.map(({ name, stage }) => ({
      name,
      async measure() {
        const all = { count: 0, cpuMs: 0, tookMs: 0 };
        for (let i = 0; i < single; i++) {
          const { count, cpuMs } = await stage.toAll(1);
          all.count += count;
          all.cpuMs += cpuMs;
        }
        const figures = { "CPU a push": perPush(all) };
        return { figures, delivered: all.count, expected: single * clients };
      },
    })),
    {
      title: `one message to ${clients}`,
      figures: { "CPU a push": { unit: "µs", hasRatio: true } },
    },
  );
  await measure(
    started.map(({ name, stage }) => ({
      name,
      async measure() {
        const delivered = await stage.toAll(20);
        const figures = { "CPU a push": perPush(delivered) };
        return { figures, delivered: delivered.count, expected: 20 * clients };
      },
    })),
    {
      title: `20 at once to ${clients}`,
      figures: { "CPU a push": { unit: "µs", hasRatio: true } },
    },
  );
  await measure(
    started.map(({ name, stage }) => ({
      name,
      async measure() {
        const delivered = await stage.toEach(targeted);
        const figures = {
          "CPU a message": perPush(delivered),
          "messages a second": delivered.count / delivered.tookMs * 1000,
        };
        return { figures, delivered: delivered.count, expected: targeted };
      },
    })),
    {
      title: `one of ${clients} users each`,
      figures: {
        "CPU a message": { unit: "µs", hasRatio: true },
        "messages a second": { unit: "", hasRatio: true },
      },
    },
  );
}
const twiceAsMany = (2 * clients).toLocaleString("en");
const cpuOf = ({ cpuMs, connections }: Connected) => cpuMs * 1000 / connections;
const kibOf = ({ bytes, connections }: Connected) => Math.max(0, bytes) / 1024 / connections;
await measure(
  peers.map((peer) => ({
    name: peer.name,
    async measure() {
      const { first, more } = await measureConnections(kafka, { peer, clients });
      const figures = {
        "CPU until it is subscribed": cpuOf(first),
        "RSS a connection": kibOf(first),
        [`${twiceAsMany} more: CPU until it is subscribed`]: cpuOf(more),
        [`${twiceAsMany} more: RSS a connection`]: kibOf(more),
      };
      const delivered = first.pushes + more.pushes;
      return { figures, delivered, expected: 3 * clients };
    },
  })),
  {
    title: `${clients} new connections`,
    rounds: small ? 1 : 3,
    warmUps: 0,
    planMs: CONNECTIONS_PLAN_MS,
    figures: {
      "CPU until it is subscribed": { unit: "µs", hasRatio: true },
      "RSS a connection": { unit: "KiB", hasRatio: true },
      [`${twiceAsMany} more: CPU until it is subscribed`]: { unit: "µs", hasRatio: true },
      [`${twiceAsMany} more: RSS a connection`]: { unit: "KiB", hasRatio: true },
    },
  },
);
print(summaryOf(results));
Deno.exit(results.some(({ invalid }) => invalid.length > 0) ? 1 : 0);

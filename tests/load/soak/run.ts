/**
 * Clients on bad lines, a producer, instances and a broker that are killed meanwhile: and what became
 * of every message.
 */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { notificationTarget } from "../../../src/protocol/target.ts";
import { startBackend } from "../../_support/service/backend.ts";
import { type LastingBroker, startLastingBroker } from "../../_support/kafka/broker.ts";
import { withAdmin } from "../../_support/kafka/topic.ts";
import { until } from "../../_support/queue.ts";
import { testEnvironment } from "../../_support/service/settings.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { produceAtRate } from "./load.ts";
import { RoamingClient } from "./roaming_client.ts";

const PARTITIONS = 3;
const USERS = 20;
/** Milliseconds after the last message within which every client has to have all. */
const SETTLE_MS = 120_000;

/** Something that happens to a part, some time after the producer's start. */
export type Fault =
  & { readonly atMs: number }
  & (
    | { readonly does: "kill" | "restart"; readonly instance: number }
    | { readonly does: "restart the broker" | "restart one instance after the other" }
  );

export interface Soak {
  readonly seed: number;
  readonly seconds: number;
  readonly clients: number;
  readonly instances: number;
  /** Messages a second; each is for every client. */
  readonly rate: number;
  /** Milliseconds between two losses of a client's connection; `null` for none. */
  readonly cutsMs: readonly [number, number] | null;
  readonly faults: readonly Fault[];
  /** Called with each step, for people who watch. */
  readonly say?: (line: string) => void;
}

export type SoakReport = Awaited<ReturnType<typeof runSoak>>;

/** Faults at random times: the broker is killed twice, an instance killed or restarted between. */
export function randomFaults(
  { seed, seconds, instances }: Pick<Soak, "seed" | "seconds" | "instances">,
): Fault[] {
  const random = xoroshiro128plus(seed);
  const between = (from: number, to: number) => uniformInt(random, Math.ceil(from), Math.floor(to));
  const ms = seconds * 1000;
  const faults: Fault[] = [0.2, 0.65].map((part) => ({
    atMs: between(part * ms, (part + 0.1) * ms),
    does: "restart the broker",
  }));
  for (let atMs = between(2000, 5000); atMs < ms; atMs += between(5000, 9000)) {
    const does = between(0, 1) === 0 ? "kill" : "restart";
    faults.push({ atMs, does, instance: between(0, instances - 1) });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Runs it, until every client has all, or time is up. */
export async function runSoak(soak: Soak) {
  const { say = () => {} } = soak;
  await using broker = await startLastingBroker();
  const settings = { KAFKA_BROKERS: broker.address, KAFKA_TOPIC: "soak" };
  await withAdmin(
    (admin) => admin.createTopics({ topics: [{ topic: "soak", numPartitions: PARTITIONS }] }),
    broker.address,
  );
  const users = Array.from({ length: USERS }, (_, i) => `user-${i}`);
  await using backend = startBackend({
    users: Object.fromEntries(users.map((user) => [user, user])),
  });
  const stored: number[] = [];
  // A list has only the messages of its own subscription, so that it hides no loss of the other one.
  backend.on("GET /notification", () => Response.json(stored.filter((n) => n % 2 === 1)));
  backend.on("GET /schedule", () => Response.json(stored.filter((n) => n % 2 === 0)));
  await using fleet = await startFleet({
    count: soak.instances,
    env: { ...testEnvironment(backend.origin), ...settings, CURSOR_SECONDS: "2" },
  });
  const stopping = new AbortController();
  const clients = Array.from({ length: soak.clients }, (_, i) =>
    new RoamingClient({
      token: users[i % USERS] ?? "",
      urls: fleet.instances.map(({ url }) => url),
      random: xoroshiro128plus(soak.seed + i + 1),
      cutsMs: soak.cutsMs,
    }));
  const running = clients.map((client) => client.run(stopping.signal));
  await until("all clients are subscribed", () => clients.every(({ isListed }) => isListed));
  backend.forget();

  const total = soak.rate * soak.seconds;
  const ids = users.map((userId) => notificationTarget({ userId, types: [] }).id);
  const load = produceAtRate({
    settings,
    total,
    rate: soak.rate,
    partitions: PARTITIONS,
    // As backends do: first into the store that lists come from, then into the topic.
    store: (numbers) => stored.push(...numbers),
    // Half of them reach a client through its one subscription, half through the other.
    message: (data) => ({
      type: "update_subscription",
      document: data % 2 === 0 ? { resource: "schedule", data } : { subscriptions: ids, data },
    }),
  });
  await fleet.whileAlive(Promise.all([load, disturb(soak.faults, { fleet, broker, say })]));
  say(`${total} messages were sent; waiting for the clients`);
  const complete = until(
    "every client has every message",
    () => clients.every(({ received }) => received.size === total),
    SETTLE_MS,
  );
  // The report names the messages that are missing then.
  await fleet.whileAlive(complete.catch(() => {}));
  stopping.abort();
  await Promise.all(running);
  return {
    ...count(clients, total),
    listCalls: backend.calls.filter(({ url }) => !url.startsWith("/user")).length,
  };
}

/** Lets the faults happen; those of one part one after the other. */
async function disturb(
  faults: readonly Fault[],
  { fleet, broker, say }: { fleet: Fleet; broker: LastingBroker; say: (line: string) => void },
): Promise<void> {
  const startedAt = performance.now();
  const parts = new Map<string, Promise<void>>();
  for (const fault of faults) {
    const { atMs, does } = fault;
    await new Promise((resolve) => setTimeout(resolve, atMs - (performance.now() - startedAt)));
    const part = "instance" in fault ? `instance ${fault.instance}` : "all";
    const before = parts.get(part) ?? Promise.resolve();
    parts.set(
      part,
      before.then(() => {
        say(`${(atMs / 1000).toFixed(1)} s: ${does}${part === "all" ? "" : ` ${part}`}`);
        return happen(fault, { fleet, broker });
      }),
    );
  }
  await Promise.all(parts.values());
}

async function happen(
  fault: Fault,
  { fleet: { instances }, broker }: { fleet: Fleet; broker: LastingBroker },
): Promise<void> {
  switch (fault.does) {
    case "kill":
    case "restart": {
      const instance = instances[fault.instance];
      await instance?.[fault.does]();
      return await instance?.ready();
    }
    case "restart the broker":
      await broker.kill();
      return await broker.start();
    case "restart one instance after the other":
      for (const instance of instances) {
        await instance.restart();
        await instance.ready();
      }
  }
}

function count(clients: readonly RoamingClient[], sent: number) {
  const sum = (of: (client: RoamingClient) => number) =>
    clients.reduce((total, client) => total + of(client), 0);
  const counted = (name: keyof RoamingClient["counts"]) => sum(({ counts }) => counts[name]);
  const expected = sent * clients.length;
  const delivered = sum(({ received }) => received.size);
  return {
    sent,
    expected,
    delivered,
    repeated: counted("repeated"),
    lost: expected - delivered,
    twice: counted("twice"),
    disordered: counted("disordered"),
    connections: counted("connections"),
    resumed: counted("resumed"),
    listed: counted("listed"),
    resyncs: counted("resyncs"),
  };
}

/**
 * Clients on bad lines, a producer, instances and brokers that are disturbed meanwhile: and what became
 * of every message.
 */
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { notificationTarget } from "../../../src/protocol/target.ts";
import { startBackend } from "../../_support/service/backend.ts";
import { until } from "../../_support/queue.ts";
import { testEnvironment } from "../../_support/service/settings.ts";
import { startBrokers } from "./brokers.ts";
import { disturb, type Fault } from "./faults.ts";
import { startFleet } from "./fleet.ts";
import { produceAtRate } from "./load.ts";
import { RoamingClient } from "./roaming_client.ts";

const PARTITIONS = 3;
const USERS = 20;
/** Milliseconds after the last message within which every client has to have all. */
const SETTLE_MS = 120_000;

export interface Soak {
  readonly seed: number;
  readonly seconds: number;
  readonly clients: number;
  readonly instances: number;
  /** One, or a cluster of three. */
  readonly brokers: 1 | 3;
  /** Messages a second; each is for every client. */
  readonly rate: number;
  /** Milliseconds between two losses of a client's connection; `null` for none. */
  readonly cutsMs: readonly [number, number] | null;
  readonly faults: readonly Fault[];
  /** Called with each step, for people who watch. */
  readonly say?: (line: string) => void;
}

export type SoakReport = Awaited<ReturnType<typeof runSoak>>;

/** Runs it, until every client has all, or time is up. */
export async function runSoak(soak: Soak) {
  const { say = () => {} } = soak;
  await using brokers = await startBrokers({ count: soak.brokers, partitions: PARTITIONS });
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
    env: { ...testEnvironment(backend.origin), ...brokers.services, CURSOR_SECONDS: "2" },
  });
  const stopping = new AbortController();
  const clients = Array.from({ length: soak.clients }, (_, i) =>
    new RoamingClient({
      token: users[i % USERS] ?? "",
      instances: fleet.instances,
      random: xoroshiro128plus(soak.seed + i + 1),
      cutsMs: soak.cutsMs,
    }));
  const running = clients.map((client) => client.run(stopping.signal));
  await until("all clients are subscribed", () => clients.every(({ isListed }) => isListed));
  backend.forget();

  const total = soak.rate * soak.seconds;
  const ids = users.map((userId) => notificationTarget({ userId, types: [] }).id);
  const load = produceAtRate({
    settings: brokers.producer,
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
  await fleet.whileAlive(Promise.all([load, disturb(soak.faults, { fleet, brokers, say })]));
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
    disconnected: counted("disconnected"),
    refused: counted("refused"),
  };
}

/** A cluster of three brokers, each of which can be killed, frozen and started again. */
import { freePort } from "../network/free_port.ts";
import { onFreePorts, startLastingBroker } from "./broker.ts";
import { saslProperties } from "./sasl_broker.ts";

/** Each broker is a controller as well: two of three are enough for the cluster to go on. */
const NODE_IDS = [1, 2, 3];

export type Cluster = Awaited<ReturnType<typeof startCluster>>;

/**
 * Starts the brokers; needs Java.
 *
 * @param options.properties Properties of all brokers, which come before the usual ones. By default, a
 * topic has one replica on each broker, and a broker that is silent for 3 s leads nothing any more
 */
export function startCluster(
  { properties = {} }: { properties?: Record<string, string> } = {},
) {
  return onFreePorts(() => startNodes(properties));
}

async function startNodes(properties: Record<string, string>) {
  const nodes = NODE_IDS.map((id) => ({
    id,
    port: freePort(),
    saslPort: freePort(),
    controllerPort: freePort(),
  }));
  const voters = nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`);
  await using stack = new AsyncDisposableStack();
  const starting = await Promise.allSettled(
    nodes.map(({ id, ...ports }) =>
      startLastingBroker({
        port: ports.port,
        properties: {
          "node.id": String(id),
          "controller.quorum.voters": voters.join(","),
          ...saslProperties(ports),
          "default.replication.factor": "3",
          "offsets.topic.replication.factor": "3",
          "transaction.state.log.replication.factor": "3",
          "transaction.state.log.num.partitions": "3",
          "broker.session.timeout.ms": "3000",
          "broker.heartbeat.interval.ms": "500",
          "replica.lag.time.max.ms": "3000",
          ...properties,
        },
      })
    ),
  );
  for (const started of starting) {
    if (started.status === "fulfilled") stack.use(started.value);
  }
  const brokers = new Map(starting.map((started, i) => {
    if (started.status === "rejected") throw started.reason;
    return [nodes[i]?.id ?? 0, started.value];
  }));
  const resources = stack.move();

  return {
    /** As in KAFKA_BROKERS. */
    addresses: nodes.map(({ port }) => `127.0.0.1:${port}`),
    /** Where they ask for a credential. */
    saslAddresses: nodes.map(({ saslPort }) => `127.0.0.1:${saslPort}`),
    /** A broker, by its id: 1, 2 or 3. */
    broker(id: number) {
      const broker = brokers.get(id);
      if (!broker) throw new Error(`There is no broker ${id}`);
      return broker;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

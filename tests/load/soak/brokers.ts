/** The brokers of a soak: one, or a cluster of three. Either can be disturbed. */
import kafkajs, { type Admin } from "kafkajs";
import type { LastingBroker } from "../../_support/kafka/broker.ts";
import { startCluster } from "../../_support/kafka/cluster.ts";
import { CREDENTIAL, startSaslBroker } from "../../_support/kafka/sasl_broker.ts";
import { withAdmin } from "../../_support/kafka/topic.ts";
import { until } from "../../_support/queue.ts";

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

export const TOPIC = "soak";
/** Milliseconds until a cluster must be whole again. */
const WHOLE_MS = 180_000;

export type SoakBrokers = Awaited<ReturnType<typeof startBrokers>>;

/** Services may do everything with the topic, so that one right can be withdrawn. */
const ALL = {
  resourceType: AclResourceTypes.TOPIC,
  resourceName: TOPIC,
  resourcePatternType: ResourcePatternTypes.LITERAL,
  principal: `User:${CREDENTIAL.KAFKA_SASL_USERNAME}`,
  host: "*",
  operation: AclOperationTypes.ALL,
  permissionType: AclPermissionTypes.ALLOW,
};
const NO_READING = {
  ...ALL,
  operation: AclOperationTypes.READ,
  permissionType: AclPermissionTypes.DENY,
};

/**
 * Starts one broker, or three, each of which then has all records, and makes the topic. The services need
 * a credential; the brokers among themselves and the producer do not.
 */
export async function startBrokers(
  { count, partitions }: { count: 1 | 3; partitions: number },
) {
  await using stack = new AsyncDisposableStack();
  const properties = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "min.insync.replicas": count === 3 ? "2" : "1",
  };
  const brokers = new Map<number, LastingBroker>();
  let addresses: { plain: string[]; sasl: string[] };
  if (count === 3) {
    const cluster = stack.use(await startCluster({ properties }));
    for (const id of [1, 2, 3]) brokers.set(id, cluster.broker(id));
    addresses = { plain: cluster.addresses, sasl: cluster.saslAddresses };
  } else {
    const broker = stack.use(await startSaslBroker({ properties }));
    brokers.set(1, broker);
    addresses = { plain: [broker.address], sasl: [broker.saslAddress] };
  }
  const producer = { KAFKA_BROKERS: addresses.plain.join(","), KAFKA_TOPIC: TOPIC };
  /** Tries again while the brokers are disturbed. */
  const ask = (what: string, work: (admin: Admin) => Promise<boolean>) =>
    until(what, () => withAdmin(work, producer.KAFKA_BROKERS).catch(() => false), WHOLE_MS);

  await ask("the topic is made", async (admin) => {
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: partitions }] });
    return await admin.createAcls({ acl: [ALL] });
  });
  const brokerOf = (id: number) => {
    const broker = brokers.get(id);
    if (!broker) throw new Error(`There is no broker ${id}`);
    return broker;
  };
  const whole = () =>
    ask("the cluster is whole", async (admin) => {
      const { topics: [topic] } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
      return topic?.partitions.every(({ isr }) => isr.length === count) ?? false;
    });
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await whole();
  const resources = stack.move();

  return {
    /** The settings of a producer, and of services. */
    producer,
    services: { ...producer, ...CREDENTIAL, KAFKA_BROKERS: addresses.sasl.join(",") },
    /** Kills a broker; starts it again after a while. Resolves when it has all records again. */
    async kill(id: number, forMs: number) {
      await brokerOf(id).kill();
      await wait(forMs);
      await brokerOf(id).start();
      await whole();
    },
    /** Stops a broker as operators do, and starts it again after a while. */
    async restart(id: number, forMs: number) {
      await brokerOf(id).stop();
      await wait(forMs);
      await brokerOf(id).start();
      await whole();
    },
    /** Stops the process of a broker for a while. Its connections stay open. */
    async freeze(id: number, forMs: number) {
      await brokerOf(id).signal("SIGSTOP");
      await wait(forMs);
      await brokerOf(id).signal("SIGCONT");
      await whole();
    },
    /** Lets no service read the topic for a while. */
    async withdraw(forMs: number) {
      await ask("the right is withdrawn", (admin) => admin.createAcls({ acl: [NO_READING] }));
      await wait(forMs);
      await ask("the right is given back", async (admin) => {
        const { filterResponses } = await admin.deleteAcls({ filters: [NO_READING] });
        return filterResponses.every(({ errorCode }) => errorCode === 0);
      });
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The brokers of a soak: one, or a cluster of three. Either can be disturbed. */
import kafkajs, { type Admin } from "kafkajs";
import { type LastingBroker, startLastingBroker } from "../../_support/kafka/broker.ts";
import { startCluster } from "../../_support/kafka/cluster.ts";
import { withAdmin } from "../../_support/kafka/topic.ts";
import { until } from "../../_support/queue.ts";

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

export const TOPIC = "soak";
/** Milliseconds until a cluster must be whole again. */
const WHOLE_MS = 180_000;

export type SoakBrokers = Awaited<ReturnType<typeof startBrokers>>;

/** Everybody may do everything with the topic, so that one right can be withdrawn. */
const ALL = {
  ...{ resourceType: AclResourceTypes.TOPIC, resourceName: TOPIC },
  resourcePatternType: ResourcePatternTypes.LITERAL,
  ...{ principal: "User:*", host: "*", operation: AclOperationTypes.ALL },
  permissionType: AclPermissionTypes.ALLOW,
};
const NO_READING = {
  ...ALL,
  ...{ operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.DENY },
};

/** Starts one broker, or three, each of which then has all records, and makes the topic. */
export async function startBrokers(
  { count, partitions }: { count: 1 | 3; partitions: number },
) {
  await using stack = new AsyncDisposableStack();
  const properties = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "min.insync.replicas": count === 3 ? "2" : "1",
  };
  const brokers = new Map<number, LastingBroker>();
  let addresses: string[];
  if (count === 3) {
    const cluster = stack.use(await startCluster({ properties }));
    for (const id of [1, 2, 3]) brokers.set(id, cluster.broker(id));
    addresses = cluster.addresses;
  } else {
    const broker = stack.use(await startLastingBroker({ properties }));
    brokers.set(1, broker);
    addresses = [broker.address];
  }
  const kafkaBrokers = addresses.join(",");
  /** Tries again while the brokers are disturbed. */
  const ask = (what: string, work: (admin: Admin) => Promise<boolean>) =>
    until(what, () => withAdmin(work, kafkaBrokers).catch(() => false), WHOLE_MS);

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
    /** As in KAFKA_BROKERS. */
    kafkaBrokers,
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
    /** Lets nobody read the topic for a while. */
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

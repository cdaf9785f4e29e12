/** What brokers refuse to a producer. */
import { assertEquals } from "@std/assert";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "kafkajs";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { KafkaReader } from "../../../src/kafka/reader.ts";
import { NO_EVENTS } from "../../_support/no_events.ts";
import { startFaultProxy } from "../../_support/kafka/faults/proxy.ts";
import { CREDENTIAL, startSaslBroker } from "../../_support/kafka/sasl_broker.ts";
import { connectKafka, kafkaTest, makeTopic, withAdmin } from "../../_support/kafka/topic.ts";
import { until } from "../../_support/queue.ts";
import { testSettings } from "../../_support/service/settings.ts";

const TOPIC = "wss";

/** A broker with a record, on which the service has the rights that are granted. */
async function startGuardedBroker() {
  const broker = await startSaslBroker({
    properties: {
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS",
    },
  });
  await withAdmin((admin) => makeTopic(admin, { topic: TOPIC, numPartitions: 1 }), broker.address);
  const producer = (await connectKafka(broker.address)).producer();
  await producer.connect();
  await producer.send({ topic: TOPIC, messages: [{ value: "no JSON" }] });
  await producer.disconnect();
  return {
    ...broker,
    async grant(kind: "TOPIC" | "CLUSTER", ...operations: (keyof typeof AclOperationTypes)[]) {
      const acl = operations.map((operation) => ({
        resourceType: AclResourceTypes[kind],
        resourceName: kind === "TOPIC" ? TOPIC : "kafka-cluster",
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${CREDENTIAL.KAFKA_SASL_USERNAME}`,
        host: "*",
        operation: AclOperationTypes[operation],
        permissionType: AclPermissionTypes.ALLOW,
      }));
      await withAdmin((admin) => admin.createAcls({ acl }), broker.address);
    },
  };
}

kafkaTest(
  "[KAF6] a replay that brokers refuse names the missing right, and leaves no connection",
  async () => {
    await using broker = await startGuardedBroker();
    await broker.grant("TOPIC", "READ", "DESCRIBE");
    await using proxy = startFaultProxy({
      brokers: [broker.saslAddress],
      random: xoroshiro128plus(1),
    });
    const settings = { ...CREDENTIAL, KAFKA_BROKERS: proxy.addresses, KAFKA_TOPIC: TOPIC };
    const reader = new KafkaReader(testSettings("http://127.0.0.1", settings));
    await reader.start(NO_EVENTS, { since: 0 });
    const openBefore = proxy.openCount;
    const replay = () =>
      reader.replay({ partition: 0, offset: 0 }).then(() => "written", (error) => error.message);
    const allowWrite = `Not authorized to write to topic ${TOPIC}: allow WRITE of it`;

    for (let i = 0; i < 3; i++) {
      assertEquals(
        await replay(),
        `${allowWrite}; before Kafka 2.8, IDEMPOTENT_WRITE of the cluster as well`,
      );
      await until("its connections are closed", () => proxy.openCount === openBefore);
    }
    // A broker takes a moment to follow a change of rights.
    await broker.grant("CLUSTER", "IDEMPOTENT_WRITE");
    await until("the topic is what is refused", async () => await replay() === allowWrite);
    await until("its connections are closed", () => proxy.openCount === openBefore);
    await broker.grant("TOPIC", "WRITE");
    await until("it is written", async () => await replay() === "written");
    await until("its connections are closed", () => proxy.openCount === openBefore);

    await reader.stop();
  },
);

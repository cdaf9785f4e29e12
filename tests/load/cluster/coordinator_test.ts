/** The coordinator of consumer groups, which nothing here needs. */
import { assertEquals } from "@std/assert";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { KafkaReader } from "../../../src/kafka/reader.ts";
import { startCluster } from "../../_support/kafka/cluster.ts";
import { startFaultProxy } from "../../_support/kafka/faults/proxy.ts";
import { connectKafka, kafkaTest, withAdmin } from "../../_support/kafka/topic.ts";
import { until } from "../../_support/queue.ts";
import { startWss } from "../../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const OFFSETS = "__consumer_offsets";

/** Makes `__consumer_offsets`, by joining a group, and tells on which broker its only replica is. */
async function makeOffsetsTopic(brokers: string): Promise<number> {
  const consumer = (await connectKafka(brokers)).consumer({ groupId: "some-group" });
  const joined = new Promise((resolve) => consumer.on("consumer.group_join", resolve));
  await consumer.connect();
  await consumer.subscribe({ topic: "wss" });
  await consumer.run({ eachMessage: () => Promise.resolve() });
  await joined;
  await consumer.disconnect();
  return await withAdmin(async (admin) => {
    const { topics: [topic] } = await admin.fetchTopicMetadata({ topics: [OFFSETS] });
    const [{ replicas = [] } = {}] = topic?.partitions ?? [];
    assertEquals(replicas.length, 1);
    return replicas[0] ?? 0;
  }, brokers);
}

kafkaTest(
  "[KAF10] while there is no coordinator for consumer groups, records are pushed, and an instance starts",
  async () => {
    await using cluster = await startCluster({
      properties: { "offsets.topic.replication.factor": "1", "offsets.topic.num.partitions": "1" },
    });
    const brokers = cluster.addresses.join(",");
    await withAdmin((admin) =>
      admin.createTopics({
        topics: [{ topic: "wss", numPartitions: 3 }],
        waitForLeaders: true,
      }), brokers);
    const coordinator = await makeOffsetsTopic(brokers);
    const proxy = startFaultProxy({ brokers: cluster.addresses, random: xoroshiro128plus(1) });
    await using _proxy = proxy;
    const start = () =>
      startWss({
        settings: { KAFKA_BROKERS: proxy.addresses, KAFKA_TOPIC: "wss" },
        createReader: (settings) => new KafkaReader(settings),
      });
    await using one = await start();
    await using client = await one.connect("/web", { token: "alice" });
    await client.request("getMyNotifications", LIST);

    await cluster.broker(coordinator).kill();
    await until("the topic has leaders on the other brokers", async () => {
      const [topic] = await withAdmin(async (admin) => {
        return (await admin.fetchTopicMetadata({ topics: ["wss"] })).topics;
      }, brokers).catch(() => []);
      return topic?.partitions.every(({ leader }) => leader !== coordinator && leader >= 0) ??
        false;
    });
    const producer = (await connectKafka(brokers)).producer();
    await producer.connect();
    for (const partition of [0, 1, 2]) {
      const document = { userId: "42", type: "message", data: partition };
      const value = JSON.stringify({ type: "notification", document });
      await producer.send({ topic: "wss", messages: [{ partition, value }] });
    }
    await producer.disconnect();
    const pushes = [await client.next(), await client.next(), await client.next()];
    await using _two = await start();

    assertEquals(pushes.map(({ payload }) => payload).sort(), [0, 1, 2]);
    assertEquals(proxy.defects, []);
  },
);

import { assertEquals } from "@std/assert";
import { createKafkaReader } from "../src/kafka/consumer.ts";
import { freePort, startBroker } from "./_support/kafka/broker.ts";
import { findKafka } from "./_support/kafka/distribution.ts";
import { connectKafka, createTopic, kafkaTest, withAdmin } from "./_support/kafka/topic.ts";
import { until } from "./_support/queue.ts";
import { startWss } from "./_support/wss.ts";

const LIST = { where: { types: [] } };

function notification(data: unknown) {
  return { type: "notification", document: { userId: "42", type: "message", data } };
}

kafkaTest(
  "[DEL5] a session resumes on an instance that has just started, on Kafka too",
  async () => {
    await using topic = await createTopic({ partitions: 3 });
    await using one = await topic.startWss();
    await using first = await one.connect("/web", { token: "alice" });
    const { cursor: since } = await first.request("getMyNotifications", LIST);
    for (const partition of [0, 1, 2]) {
      await topic.produce([1, 2, 3].map((n) => notification(`${partition}-${n}`)), { partition });
    }
    for (let i = 0; i < 9; i++) await first.next();

    await using two = await topic.startWss();
    await using client = await two.connect("/web", { token: "alice" });
    const { recovered } = await client.request("getMyNotifications", { ...LIST, since });

    assertEquals(recovered, true);
    const got: string[] = [];
    for (let i = 0; i < 9; i++) got.push((await client.next()).payload);
    for (const partition of [0, 1, 2]) {
      const own = got.filter((payload) => payload.startsWith(`${partition}-`));
      assertEquals(own, [1, 2, 3].map((n) => `${partition}-${n}`));
    }
    assertEquals(await client.pushesUntilIdle(), []);
  },
);

kafkaTest(
  "[DEL9] a broker is killed and started again: sessions stay, and nothing is lost or twice",
  async () => {
    const distribution = await findKafka();
    if (distribution?.kind !== "java") throw new Error("Kafka itself is needed here, with Java");
    const dir = await Deno.makeTempDir({ prefix: "wss-kafka-" });
    const port = freePort();
    const settings = { KAFKA_BROKERS: `127.0.0.1:${port}`, KAFKA_TOPIC: "wss" };
    const produce = async (values: unknown[]) => {
      const producer = (await connectKafka(settings.KAFKA_BROKERS)).producer();
      await producer.connect();
      const messages = values.map((value) => ({ value: JSON.stringify(notification(value)) }));
      await producer.send({ topic: "wss", acks: -1, messages });
      await producer.disconnect();
    };
    let broker = await startBroker(distribution, { port, dir });
    try {
      await using wss = await startWss({ settings, createReader: createKafkaReader });
      await using client = await wss.connect("/web", { token: "alice" });
      await client.request("getMyNotifications", LIST);
      await produce([1, 2]);
      assertEquals([(await client.next()).payload, (await client.next()).payload], [1, 2]);

      await broker[Symbol.asyncDispose]();
      const meanwhile = await client.request("getMyNotificationsCount", {
        ...LIST,
        status: "read",
      });
      broker = await startBroker(distribution, { port, dir });
      await produce([3, 4]);

      assertEquals(meanwhile.status, "ok");
      await until("all has been read", () => wss.service.stream.positions[0] === 4, 60_000);
      assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), [3, 4]);
    } finally {
      await broker[Symbol.asyncDispose]();
      await Deno.remove(dir, { recursive: true });
    }
  },
);

kafkaTest("[KAF8] a partition that is added is read from its beginning", async () => {
  await using topic = await createTopic();
  await using wss = await topic.startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);

  await withAdmin((admin) =>
    admin.createPartitions({ topicPartitions: [{ topic: topic.name, count: 2 }] })
  );
  const producer = (await connectKafka()).producer();
  await producer.connect();
  const value = JSON.stringify(notification("in the new one"));
  await producer.send({ topic: topic.name, messages: [{ partition: 1, value }] });
  await producer.disconnect();
  await until(
    "the new partition is known",
    () => wss.service.stream.positions.length === 2,
    60_000,
  );

  const { payload, id } = await client.next();
  assertEquals([payload, id], ["in the new one", "1-0"]);
});

kafkaTest("[DEL12] what retention took is a resync, and the stream goes on", async () => {
  await using topic = await createTopic();
  await using wss = await topic.startWss({ settings: { DEGRADED_AFTER_SECONDS: "3" } });
  await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);

  // A topic of that name that begins anew: the position is in none of its log.
  await topic.produce([notification(0)]);
  await client.next();
  await withAdmin((admin) => admin.deleteTopics({ topics: [topic.name] }));
  await until(
    "the topic is gone",
    () => withAdmin(async (admin) => !(await admin.listTopics()).includes(topic.name)),
  );
  await withAdmin((admin) => admin.createTopics({ topics: [{ topic: topic.name }] }));

  let frame = await client.next();
  while (frame.event === "stream") frame = await client.next();
  assertEquals([frame.event, frame.status, frame.payload], [event, "resync", { missed: null }]);
  await topic.produce([notification("goes on")]);
  do frame = await client.next(); while (frame.event === "stream");
  assertEquals(frame.payload, "goes on");
});

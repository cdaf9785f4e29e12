/** What may happen to a topic. */
import { assertEquals } from "@std/assert";
import { connect } from "../_support/clients/client.ts";
import { connectKafka, createTopic, kafkaTest, withAdmin } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";
import { startBackend } from "../_support/service/backend.ts";
import { startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const LIST = { where: { types: [] } };

function notification(data: unknown) {
  return { type: "notification", document: { userId: "42", type: "message", data } };
}

kafkaTest(
  "[DEL5] on Kafka, a session resumes on an instance that has just started",
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

kafkaTest("[KAF8] a partition that is added is read from its beginning", async () => {
  await using topic = await createTopic();
  await using wss = await topic.startWss({ reader: { metadataMs: 1000 } });
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

for (const [left, values] of Object.entries({ some: ["left 1", "left 2"], none: [] })) {
  kafkaTest(
    `[DEL12] retention removes unread records and leaves ${left}: clients get a resync`,
    async () => {
      await using topic = await createTopic();
      await using backend = startBackend({ users: { alice: "42" } });
      await using wss = await startProcess({
        env: { ...testEnvironment(backend.origin), ...topic.env, DEGRADED_AFTER_SECONDS: "3" },
      });
      const port = await wss.port();
      await wss.line(/Ready/);
      await using client = await connect(`ws://127.0.0.1:${port}/web`, {
        protocols: ["wss.v1"],
        token: "alice",
      });
      const { event } = await client.request("getMyNotifications", LIST);

      // A fetch that waits at the broker still gets its records, and perhaps some that follow at
      // once. Retention removes the others.
      wss.kill("SIGSTOP");
      await topic.produce([notification("first")]);
      for (let i = 0; i < 5; i++) await topic.produce([notification("removed")]);
      await topic.produce(values.map(notification));
      await topic.deleteUpTo(6);
      wss.kill("SIGCONT");

      const next = async () => {
        for (;;) {
          const frame = await client.next();
          if (frame.event !== "stream") return frame;
        }
      };
      let frame = await next();
      while (["first", "removed"].includes(frame.payload)) frame = await next();
      assertEquals({ event: frame.event, status: frame.status, payload: frame.payload }, {
        event,
        status: "resync",
        payload: { missed: null },
      });
      await topic.produce([notification("goes on")]);
      for (const payload of [...values, "goes on"]) assertEquals((await next()).payload, payload);
    },
  );
}

kafkaTest(
  "[DEL12] after the topic was deleted and made again, clients get a resync and the stream goes on",
  async () => {
    await using topic = await createTopic();
    await using wss = await topic.startWss({ settings: { DEGRADED_AFTER_SECONDS: 3 } });
    await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
    const { event } = await client.request("getMyNotifications", LIST);

    // The new topic of that name is empty, so the position is outside of its log.
    await topic.produce([notification(0)]);
    await client.next();
    await withAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [topic.name] });
      await until("there is an empty topic of that name", async () => {
        // It exists already if the service has asked for it meanwhile.
        await admin.createTopics({ topics: [{ topic: topic.name }] }).catch(() => {});
        const [bounds] = await admin.fetchTopicOffsets(topic.name).catch(() => []);
        return bounds?.high === "0";
      });
    });

    let frame = await client.next();
    while (frame.event === "stream") frame = await client.next();
    assertEquals({ event: frame.event, status: frame.status, payload: frame.payload }, {
      event,
      status: "resync",
      payload: { missed: null },
    });
    await topic.produce([notification("goes on")]);
    do frame = await client.next(); while (frame.event === "stream");
    assertEquals(frame.payload, "goes on");
  },
);

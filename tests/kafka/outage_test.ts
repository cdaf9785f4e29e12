import { assert, assertEquals } from "@std/assert";
import kafkajs from "kafkajs";
import { KafkaReader } from "../../src/kafka/reader.ts";
import { startBackend } from "../_support/service/backend.ts";
import { connect } from "../_support/clients/client.ts";
import { startLastingBroker } from "../_support/kafka/broker.ts";
import { connectKafka, createTopic, kafkaTest, withAdmin } from "../_support/kafka/topic.ts";
import { startProcess } from "../_support/service/process.ts";
import { until } from "../_support/queue.ts";
import { testEnvironment } from "../_support/service/settings.ts";
import { startWss } from "../_support/service/wss.ts";

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
const LIST = { where: { types: [] } };
const COUNT = { ...LIST, status: "read" };

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

/** A broker of its own, an instance that reads from it, and a subscribed client. */
async function startOnOwnBroker(options: Parameters<typeof startLastingBroker>[0] = {}) {
  const broker = await startLastingBroker(options);
  const settings = { KAFKA_BROKERS: broker.address, KAFKA_TOPIC: "wss" };
  const wss = await startWss({ settings, createReader: (settings) => new KafkaReader(settings) });
  const client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const producer = (await connectKafka(broker.address)).producer();
  await producer.connect();
  return {
    broker,
    wss,
    client,
    /** Writes records, and gives the offset of the last one. */
    async produce(values: unknown[]): Promise<number> {
      const messages = values.map((value) => ({ value: JSON.stringify(notification(value)) }));
      const [written] = await producer.send({ topic: "wss", acks: -1, messages });
      return Number(written?.baseOffset) + values.length - 1;
    },
    /** All pushes since the last call, up to the record of that offset at least. */
    async pushesUpTo(offset: number) {
      const { stream } = wss.service;
      await until(`${offset} is read`, () => (stream.positions[0] ?? 0) > offset, 60_000);
      return (await client.pushesUntilIdle()).map(({ id, payload }) => [id, payload]);
    },
    async [Symbol.asyncDispose]() {
      await producer.disconnect();
      await client[Symbol.asyncDispose]();
      await wss[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    },
  };
}

/**
 * Asserts that each record of partition 0 from an offset on was pushed once and in order. A payload may
 * come again: a producer that got no answer writes it again, which makes another record.
 */
function assertAllOnce(
  pushes: unknown[][],
  { from, payloads }: { from: number; payloads: unknown[] },
): void {
  assertEquals(pushes.map(([id]) => id), pushes.map((_, i) => `0-${from + i}`));
  assertEquals([...new Set(pushes.map(([, payload]) => payload))], payloads);
}

kafkaTest(
  "[DEL9] while a broker is killed and restarted, sessions stay and no record is lost or repeated",
  async () => {
    await using own = await startOnOwnBroker();
    assertEquals(await own.pushesUpTo(await own.produce([1, 2])), [["0-0", 1], ["0-1", 2]]);

    await own.broker.kill();
    const meanwhile = await own.client.request("getMyNotificationsCount", COUNT);
    await own.broker.start();
    const last = await own.produce([3, 4]);

    assertEquals(meanwhile.status, "ok");
    assertAllOnce(await own.pushesUpTo(last), { from: 2, payloads: [3, 4] });
  },
);

kafkaTest(
  "[DEL9] while a broker is frozen for 60 s, sessions stay and no record is lost or repeated",
  async () => {
    await using own = await startOnOwnBroker();
    assertEquals(await own.pushesUpTo(await own.produce([1, 2])), [["0-0", 1], ["0-1", 2]]);

    await own.broker.signal("SIGSTOP");
    const produced = own.produce([3, 4]).catch(() => own.produce([3, 4]));
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    const meanwhile = await own.client.request("getMyNotificationsCount", COUNT);
    await own.broker.signal("SIGCONT");
    const last = await produced;

    assertEquals(meanwhile.status, "ok");
    assertAllOnce(await own.pushesUpTo(last), { from: 2, payloads: [3, 4] });
  },
);

kafkaTest("[DEL9] a rebalance loses and repeats no record", async () => {
  await using topic = await createTopic({ partitions: 2 });
  const prefix = `rebalance-${crypto.randomUUID().slice(0, 8)}`;
  await using wss = await topic.startWss({ settings: { KAFKA_GROUP_PREFIX: prefix } });
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const produce = async (numbers: number[]) => {
    for (const n of numbers) await topic.produce([notification(n)], { partition: n % 2 });
  };
  const { groups } = await withAdmin((admin) => admin.listGroups());
  const groupId = groups.find(({ groupId }) => groupId.startsWith(prefix))?.groupId ?? "";

  await produce([0, 1]);
  const intruder = (await connectKafka()).consumer({ groupId });
  await intruder.connect();
  await intruder.subscribe({ topic: topic.name });
  const joined = new Promise((resolve) => intruder.on("consumer.group_join", resolve));
  await intruder.run({ autoCommit: false, eachMessage: () => Promise.resolve() });
  await joined;
  // One partition belongs to the intruder until it leaves.
  await produce([2, 3, 4, 5]);
  await intruder.disconnect();
  await produce([6, 7]);

  const got: number[] = [];
  while (got.length < 8) got.push((await client.next()).payload);
  assertEquals(got.filter((n) => n % 2 === 0), [0, 2, 4, 6]);
  assertEquals(got.filter((n) => n % 2 === 1), [1, 3, 5, 7]);
  assertEquals(await client.pushesUntilIdle(), []);
});

kafkaTest(
  "a consumer that can't go on ends the process with exit code 1 and the reason",
  async () => {
    await using broker = await startLastingBroker({
      properties: {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
      },
    });
    await using backend = startBackend();
    const settings = { KAFKA_BROKERS: broker.address, KAFKA_TOPIC: "wss" };
    await using wss = await startProcess({
      env: { ...testEnvironment(backend.origin), ...settings },
    });
    await wss.line(/Ready/);

    await withAdmin((admin) =>
      admin.createAcls({
        acl: [{
          resourceType: AclResourceTypes.TOPIC,
          resourceName: "wss",
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: "User:ANONYMOUS",
          host: "*",
          operation: AclOperationTypes.READ,
          permissionType: AclPermissionTypes.DENY,
        }],
      }), broker.address);

    assertEquals(await wss.exitCode(), 1);
    const [line] = wss.complaints.filter((line) => line.includes("can't go on"));
    assert(line?.includes("Not authorized to access topics"), wss.complaints.join("\n"));
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

for (const [left, values] of Object.entries({ some: ["left 1", "left 2"], none: [] })) {
  kafkaTest(
    `[DEL12] retention removes unread records and leaves ${left}: clients get a resync`,
    async () => {
      await using topic = await createTopic();
      await using backend = startBackend({ users: { alice: "42" } });
      await using wss = await startProcess({
        env: { ...testEnvironment(backend.origin), ...topic.settings, DEGRADED_AFTER_SECONDS: "3" },
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
      for (let i = 0; i < 5; i++) await topic.produce([notification("taken")]);
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
      while (["first", "taken"].includes(frame.payload)) frame = await next();
      assertEquals([frame.event, frame.status, frame.payload], [event, "resync", { missed: null }]);
      await topic.produce([notification("goes on")]);
      for (const payload of [...values, "goes on"]) assertEquals((await next()).payload, payload);
    },
  );
}

kafkaTest(
  "[DEL12] after the topic was deleted and made again, clients get a resync and the stream goes on",
  async () => {
    await using topic = await createTopic();
    await using wss = await topic.startWss({ settings: { DEGRADED_AFTER_SECONDS: "3" } });
    await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
    const { event } = await client.request("getMyNotifications", LIST);

    // The new topic of that name is empty, so the position is outside of its log.
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
  },
);

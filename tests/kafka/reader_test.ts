/** The service with a real Kafka: what it reads, and what it leaves there. */
import { assert, assertEquals } from "@std/assert";
import { startBackend } from "../_support/service/backend.ts";
import { connect } from "../_support/clients/client.ts";
import { startBroker } from "../_support/kafka/broker.ts";
import { freePort } from "../_support/network/free_port.ts";
import { findKafka } from "../_support/kafka/distribution.ts";
import { createTopic, kafkaTest, withAdmin } from "../_support/kafka/topic.ts";
import { assertAllAreDelivered } from "../_support/scenarios/kafka_delivery.ts";
import { startProcess } from "../_support/service/process.ts";
import { until } from "../_support/queue.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const LIST = { where: { types: [] } };

function notification(data: unknown) {
  return { type: "notification", document: { userId: "42", type: "message", data } };
}

/** The environment of a service in a process of its own. */
function processEnv(origin: string, settings: Record<string, string>) {
  return { ...testEnvironment(origin), ...settings };
}

kafkaTest("[KAF1] every instance reads every partition", async () => {
  await using topic = await createTopic({ partitions: 3 });
  await using one = await topic.startWss();
  await using two = await topic.startWss();
  await using first = await one.connect("/web", { token: "alice" });
  await using second = await two.connect("/web", { token: "alice" });
  await first.request("getMyNotifications", LIST);
  await second.request("getMyNotifications", LIST);

  for (const partition of [0, 1, 2]) {
    await topic.produce([notification(partition)], { partition });
  }

  for (const client of [first, second]) {
    const pushes = [await client.next(), await client.next(), await client.next()];
    assertEquals(pushes.map(({ payload }) => payload).sort(), [0, 1, 2]);
  }
});

kafkaTest("[KAF1] a topic of many partitions is read", async () => {
  const partitions = 40;
  await using topic = await createTopic({ partitions });
  await using wss = await topic.startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);

  for (const partition of [0, partitions - 1]) {
    await topic.produce([notification(partition)], { partition });
  }

  const pushes = [await client.next(), await client.next()];
  assertEquals(pushes.map(({ payload }) => payload).sort(), [0, partitions - 1]);
});

kafkaTest("[KAF1] a record of Kafka's console producer reaches a client", async () => {
  await using topic = await createTopic();
  await using backend = startBackend({ users: { alice: "42" } });
  await using wss = await startProcess({ env: processEnv(backend.origin, topic.env) });
  const port = await wss.port();
  await wss.line(/Ready/);
  await using client = await connect(`ws://127.0.0.1:${port}/web`, { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);

  await topic.produceWithConsole([JSON.stringify(notification({ text: "from the console" }))]);

  const { rid, event: pushed, status, payload, id } = await client.next();
  assertEquals({ rid, pushed, status, id }, {
    rid: -1,
    pushed: event,
    status: "update",
    id: "0-0",
  });
  assertEquals(payload, { text: "from the console" });
});

kafkaTest(
  "[DEL1] 2,000 records over 3 partitions reach 20 clients, each once and in order",
  () => assertAllAreDelivered({ records: 2000, clients: 20 }),
);

kafkaTest(
  "records from before the start are not pushed, later ones are",
  async () => {
    await using topic = await createTopic();
    await topic.produce(["before", notification("before")]);
    await using wss = await topic.startWss();
    await using client = await wss.connect("/web", { token: "alice" });
    await client.request("getMyNotifications", LIST);

    await topic.produce([notification("after")]);

    assertEquals((await client.next()).payload, "after");
  },
);

kafkaTest("[KAF6] on Kafka, records that cannot be used stop nothing", async () => {
  await using topic = await createTopic();
  await using wss = await topic.startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const large = "x".repeat(1_000_000 - 200);

  await topic.produce(["{", new Uint8Array([0xff]), null, "", { type: "unheard" }]);
  await topic.produce([notification(large)]);
  await topic.produce([large]);
  await topic.produce([notification("goes on")]);

  assertEquals((await client.next()).payload.length, large.length);
  assertEquals((await client.next()).payload, "goes on");
  assertEquals(wss.service.quarantine.records.map(({ offset }) => offset), [0, 1, 3, 4, 6]);
});

kafkaTest("[KAF7] records that Kafka's producer compresses are read, with each codec", async () => {
  await using topic = await createTopic();
  await using backend = startBackend({ users: { alice: "42" } });
  await using wss = await startProcess({ env: processEnv(backend.origin, topic.env) });
  const port = await wss.port();
  await wss.line(/Ready/);
  await using client = await connect(`ws://127.0.0.1:${port}/web`, { token: "alice" });
  await client.request("getMyNotifications", LIST);

  for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
    // Long enough to be compressed at all, and to need several blocks.
    const lines = Array.from(
      { length: 40 },
      (_, i) => JSON.stringify(notification({ codec, i, text: `${codec} ${i} `.repeat(1000) })),
    );
    await topic.produceWithConsole(lines, `--compression-codec=${codec}`);
    for (let i = 0; i < lines.length; i++) {
      const { payload } = await client.next();
      assertEquals([payload.codec, payload.i, payload.text.length >= 6000], [codec, i, true]);
    }
  }
});

kafkaTest("it leaves no consumer group on the broker, and ends without a complaint", async () => {
  await using topic = await createTopic();
  await using backend = startBackend();
  const groups = () =>
    withAdmin(async (admin) => (await admin.listGroups()).groups.map(({ groupId }) => groupId));
  const before = new Set(await groups());
  await using wss = await startProcess({ env: processEnv(backend.origin, topic.env) });
  await wss.line(/Ready/);

  wss.kill("SIGTERM");

  assertEquals(await wss.exitCode(), 0);
  assertEquals((await groups()).filter((group) => !before.has(group)), []);
  assertEquals(wss.complaints, []);
});

kafkaTest("the topic is created if the broker creates topics", async () => {
  await using backend = startBackend();
  const name = `created-${crypto.randomUUID().slice(0, 8)}`;
  const settings = { KAFKA_BROKERS: Deno.env.get("KAFKA_BROKERS") ?? "", KAFKA_TOPIC: name };
  await using wss = await startProcess({ env: processEnv(backend.origin, settings) });

  await wss.line(/Ready/);

  assert((await withAdmin((admin) => admin.listTopics())).includes(name));
  assertEquals(wss.complaints, []);
  await withAdmin((admin) => admin.deleteTopics({ topics: [name] }));
});

kafkaTest("without brokers, and then without a topic, the service warns and waits", async () => {
  const distribution = await findKafka();
  if (!distribution) throw new Error("Kafka itself is needed here, not only a broker");
  const port = freePort();
  await using backend = startBackend({ users: { alice: "42" } });
  const settings = { KAFKA_BROKERS: `127.0.0.1:${port}`, KAFKA_TOPIC: "late" };
  const startedAt = performance.now();
  await using wss = await startProcess({ env: processEnv(backend.origin, settings) });
  const http = `http://127.0.0.1:${await wss.port()}`;
  const statusOf = async (path: string) => {
    const response = await fetch(http + path);
    await response.body?.cancel();
    return response.status;
  };

  const trouble = await wss.line(/Cannot read from Kafka/);
  assert(trouble.includes(`127.0.0.1:${port}`), trouble);
  assertEquals([await statusOf("/healthz"), await statusOf("/readyz")], [200, 503]);
  await using _broker = await startBroker(distribution, {
    port,
    properties: { "auto.create.topics.enable": "false" },
    livesShortly: true,
  });
  const missing = await wss.line(/does not exist/);
  assert(missing.includes('topic \\"late\\"'), missing);
  assertEquals([await statusOf("/healthz"), await statusOf("/readyz")], [200, 503]);
  await withAdmin(
    (admin) => admin.createTopics({ topics: [{ topic: "late", numPartitions: 2 }] }),
    settings.KAFKA_BROKERS,
  );
  await wss.line(/Ready/);

  await until("it is ready", async () => await statusOf("/readyz") === 200);
  // Each trouble is warned about at once, and then every 30 s. A busy machine has more kinds of it.
  const expected = 1 + Math.floor((performance.now() - startedAt) / 30_000);
  for (const trouble of [/ECONNREFUSED/, /does not exist/]) {
    const warnings = wss.complaints.filter((line) => trouble.test(line)).length;
    assert(warnings >= 1 && warnings <= expected, `${warnings} of ${expected}: ${trouble}`);
  }
});

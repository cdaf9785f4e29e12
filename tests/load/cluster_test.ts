/** A cluster of three brokers of which one is frozen or killed, or whose log is cut back. */
import { assertEquals } from "@std/assert";
import { Kafka, logLevel } from "kafkajs";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { KafkaReader } from "../../src/kafka/reader.ts";
import type { Client } from "../_support/clients/client.ts";
import { type Cluster, startCluster } from "../_support/kafka/cluster.ts";
import { startFaultProxy } from "../_support/kafka/faults/proxy.ts";
import { connectKafka, kafkaTest, makeTopic, withAdmin } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const OFFSETS = "__consumer_offsets";

interface Written {
  partition: number;
  data: unknown;
}

/**
 * Writes notifications over brokers that can be asked. One that gets no answer is written again, and may
 * then be there twice.
 */
async function write(brokers: readonly string[], topic: string, all: Written[]): Promise<void> {
  for (const { partition, data } of all) {
    const document = { userId: "42", type: "message", data };
    const value = JSON.stringify({ type: "notification", document });
    await until(`${data} is written`, async () => {
      // A new one each time, as kafkajs asks a broker that is frozen again and again.
      const producer = new Kafka({
        brokers: [...brokers],
        connectionTimeout: 1000,
        requestTimeout: 2000,
        retry: { retries: 0 },
        logLevel: logLevel.NOTHING,
      }).producer();
      try {
        await producer.connect();
        // By its leader alone: the others may be gone.
        const written = await producer.send({ topic, acks: 1, messages: [{ partition, value }] });
        return written.length === 1;
      } catch {
        return false;
      } finally {
        await producer.disconnect();
      }
    }, 60_000);
  }
}

/** The next frame that is not about the stream. */
async function nextFrame(client: Client) {
  for (;;) {
    const frame = await client.next();
    if (frame.event !== "stream") return frame;
  }
}

/** Waits until each payload was pushed, and gives the ids of all pushes until then. */
async function receive(client: Client, payloads: readonly unknown[]): Promise<string[]> {
  const ids: string[] = [];
  for (const missing = new Set(payloads); missing.size > 0;) {
    const { id = "", status, payload } = await nextFrame(client);
    assertEquals(status, "update");
    ids.push(id);
    missing.delete(payload);
  }
  return ids;
}

/** The leader and the replicas in sync of a partition. */
async function stateOf(brokers: readonly string[], topic: string, partition: number) {
  const { topics } = await withAdmin(
    (admin) => admin.fetchTopicMetadata({ topics: [topic] }),
    brokers.join(","),
  );
  const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition);
  return { leader: found?.leader, isr: found?.isr.toSorted() };
}

/** Starts an instance that reads a topic, with a client that is subscribed. */
async function startReading(brokers: readonly string[], topic: string) {
  await using stack = new AsyncDisposableStack();
  const wss = stack.use(
    await startWss({
      settings: { KAFKA_BROKERS: [...brokers], KAFKA_TOPIC: topic, DEGRADED_AFTER_SECONDS: 3 },
      createReader: (settings) => new KafkaReader(settings),
    }),
  );
  const client = stack.use(await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" }));
  await client.request("getMyNotifications", LIST);
  const resources = stack.move();
  return { wss, client, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

kafkaTest(
  "[DEL9] whichever broker of three is frozen, what the others lead is pushed, and then the rest, each once",
  async () => {
    await using cluster = await startCluster();
    const { addresses } = cluster;
    await withAdmin(
      (admin) => makeTopic(admin, { topic: "wss", numPartitions: 6 }),
      addresses.join(","),
    );
    await using reading = await startReading(addresses, "wss");
    const { client } = reading;
    const partitions = [0, 1, 2, 3, 4, 5];
    const ids: string[] = [];

    for (const id of [1, 2, 3]) {
      await until("each replica is in sync", async () => {
        const states = await Promise.all(
          partitions.map((partition) => stateOf(addresses, "wss", partition)),
        );
        return states.every(({ isr }) => isr?.length === 3);
      }, 60_000);
      const others = addresses.filter((_, i) => i !== id - 1);

      await cluster.broker(id).signal("SIGSTOP");
      const all = partitions.map((partition) => ({ partition, data: `${id}/${partition}` }));
      await write(others, "wss", all);
      ids.push(...await receive(client, all.map(({ data }) => data)));
      await cluster.broker(id).signal("SIGCONT");
    }

    const offsets = partitions.map((partition) =>
      ids.filter((id) => id.startsWith(`${partition}-`)).map((id) => Number(id.slice(2)))
    );
    assertEquals(offsets, offsets.map((own) => own.map((_, i) => i)));
  },
);

for (const age of ["", "older "] as const) {
  kafkaTest(
    `[DEL13] where an unclean election cuts the log of ${age}brokers, clients get a resync, and what is new is pushed once`,
    async () => {
      await using cluster = await startCluster();
      await using reading = await startBehind(
        cluster,
        age === "" ? {} : { Fetch: 11, Metadata: 9 },
      );
      const { addresses } = cluster;
      const { client } = reading;
      const numbers = (from: number, to: number) =>
        Array.from({ length: to - from }, (_, n) => ({ partition: 0, data: from + n }));
      const expectPushes = async (from: number, to: number) => {
        for (let n = from; n < to; n++) {
          const { id, payload } = await nextFrame(client);
          assertEquals({ id, payload }, { id: `0-${n}`, payload: n });
        }
      };

      // Both replicas have what comes now, and only broker 2 has what follows.
      await write(addresses, "cut", numbers(0, 3));
      await expectPushes(0, 3);
      await cluster.broker(3).kill();
      await until("broker 2 is alone", async () => {
        const { isr } = await stateOf(addresses.slice(0, 2), "cut", 0);
        return isr?.join() === "2";
      }, 60_000);
      await write(addresses.slice(0, 2), "cut", numbers(3, 8));
      await expectPushes(3, 8);
      await cluster.broker(2).kill();
      await cluster.broker(3).start();
      const left = [addresses[0] ?? "", addresses[2] ?? ""];
      await until(
        "broker 3 leads",
        async () => (await stateOf(left, "cut", 0)).leader === 3,
        60_000,
      );
      // More than were cut off, so that the old position is in the log again.
      const later = Array.from({ length: 9 }, (_, n) => ({ partition: 0, data: `new ${3 + n}` }));
      await write(left, "cut", later);

      const { status, payload } = await nextFrame(client);
      assertEquals({ status, payload }, { status: "resync", payload: { missed: null } });
      for (let n = 3; n < 12; n++) {
        const { id, payload } = await nextFrame(client);
        assertEquals({ id, payload }, { id: `0-${n}`, payload: `new ${n}` });
      }
    },
  );
}

/** Makes a topic that brokers 2 and 3 hold, and reads it from brokers that seem to know no more. */
async function startBehind(cluster: Cluster, newest: { Fetch?: number; Metadata?: number }) {
  await withAdmin(
    (admin) =>
      makeTopic(admin, {
        topic: "cut",
        replicaAssignment: [{ partition: 0, replicas: [2, 3] }],
        configEntries: [
          { name: "unclean.leader.election.enable", value: "true" },
          { name: "min.insync.replicas", value: "1" },
        ],
      }),
    cluster.addresses.join(","),
  );
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(
    startFaultProxy({ brokers: cluster.addresses, newest, random: xoroshiro128plus(1) }),
  );
  const reading = stack.use(await startReading(proxy.addresses, "cut"));
  const resources = stack.move();
  return { ...reading, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

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
    const { addresses } = cluster;
    const brokers = addresses.join(",");
    await withAdmin((admin) => makeTopic(admin, { topic: "wss", numPartitions: 3 }), brokers);
    const coordinator = await makeOffsetsTopic(brokers);
    const proxy = startFaultProxy({ brokers: addresses, random: xoroshiro128plus(1) });
    await using _proxy = proxy;
    await using reading = await startReading(proxy.addresses, "wss");

    await cluster.broker(coordinator).kill();
    const others = addresses.filter((_, i) => i !== coordinator - 1);
    const all = [0, 1, 2].map((partition) => ({ partition, data: partition }));
    await write(others, "wss", all);
    await receive(reading.client, all.map(({ data }) => data));
    await using _later = await startReading(proxy.addresses, "wss");

    assertEquals(proxy.defects, []);
  },
);

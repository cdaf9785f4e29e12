/** A topic that is deleted and made again, and brokers that don't know ids of topics. */
import { assertEquals } from "@std/assert";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { KafkaReader } from "../../src/kafka/reader.ts";
import type { Client } from "../_support/clients/client.ts";
import { startFaultProxy } from "../_support/kafka/faults/proxy.ts";
import {
  connectKafka,
  createTopic,
  kafkaTest,
  makeTopic,
  withAdmin,
} from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

function notification(data: unknown) {
  return { type: "notification", document: { userId: "42", type: "message", data } };
}

/** The next frame that is not about the stream. */
async function nextFrame(client: Client) {
  for (;;) {
    const frame = await client.next();
    if (frame.event !== "stream") return frame;
  }
}

/** Writes values to each partition. Its producer is new, as kafkajs's keep the old metadata. */
async function write(
  topic: string,
  { values, partitions }: { values: readonly unknown[]; partitions: number },
): Promise<void> {
  const producer = (await connectKafka()).producer();
  await producer.connect();
  for (let partition = 0; partition < partitions; partition++) {
    const messages = values.map((data) => ({
      partition,
      value: JSON.stringify(notification(data)),
    }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}

/** Deletes a topic and makes it again. */
async function remake(topic: string, { partitions }: { partitions: number }): Promise<void> {
  await withAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    // The old one may be there for a moment longer.
    await until(
      "the topic is made again",
      () => makeTopic(admin, { topic, numPartitions: partitions }).then(() => true, () => false),
    );
  });
}

for (
  const { what, before, after } of [
    { what: "as many partitions and more records", before: 2, after: 2 },
    { what: "more partitions", before: 1, after: 3 },
    { what: "fewer partitions", before: 3, after: 1 },
  ]
) {
  kafkaTest(
    `[DEL13] a topic that is made again with ${what} is read from its beginning, after a resync`,
    async () => {
      await using topic = await createTopic({ partitions: before });
      await using wss = await topic.startWss({ settings: { DEGRADED_AFTER_SECONDS: 3 } });
      await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
      const { event } = await client.request("getMyNotifications", LIST);
      for (let partition = 0; partition < before; partition++) {
        await topic.produce([1, 2, 3].map((n) => notification(`old ${n}`)), { partition });
        for (let n = 0; n < 3; n++) await nextFrame(client);
      }

      await remake(topic.name, { partitions: after });
      // More than were read of the old one, so that its positions are within the new log.
      const values = Array.from({ length: 5 }, (_, n) => `new ${n}`);
      await write(topic.name, { values, partitions: after });

      const first = await nextFrame(client);
      assertEquals({ event: first.event, status: first.status }, { event, status: "resync" });
      const got = new Map<string, unknown[]>();
      for (let n = 0; n < after * values.length; n++) {
        const { id = "", status, payload } = await nextFrame(client);
        assertEquals(status, "update");
        const [partition = "", offset] = id.split("-");
        got.set(partition, [...got.get(partition) ?? [], `${offset}: ${payload}`]);
      }
      const expected = values.map((value, offset) => `${offset}: ${value}`);
      assertEquals([...got.values()], Array(after).fill(expected));
      await until("all is read", () => wss.service.stream.positions.length === after);
      assertEquals(wss.service.stream.positions, Array(after).fill(values.length));
      await until("the stream is live", async () => {
        const response = await fetch(`${wss.http}/readyz`);
        return (await response.json()).degraded !== true;
      });
    },
  );
}

kafkaTest(
  "[DEL13] brokers that know no ids: a topic with fewer partitions than before is another one",
  async () => {
    await using topic = await createTopic({ partitions: 3 });
    await using proxy = startFaultProxy({
      brokers: topic.env.KAFKA_BROKERS.split(","),
      newest: { Fetch: 11, Metadata: 9 },
      random: xoroshiro128plus(1),
    });
    await using wss = await startWss({
      settings: {
        KAFKA_BROKERS: proxy.addresses,
        KAFKA_TOPIC: topic.name,
        DEGRADED_AFTER_SECONDS: 3,
      },
      createReader: (settings) => new KafkaReader(settings),
    });
    await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
    await client.request("getMyNotifications", LIST);
    await topic.produce([1, 2, 3].map((n) => notification(`old ${n}`)), { partition: 0 });
    for (let n = 0; n < 3; n++) await nextFrame(client);

    await remake(topic.name, { partitions: 1 });
    const values = Array.from({ length: 5 }, (_, n) => `new ${n}`);
    await write(topic.name, { values, partitions: 1 });

    // Until it is clear that partitions are missing, records at the old positions may be pushed.
    const untilLast = async () => {
      const payloads: unknown[] = [];
      for (;;) {
        const { status, payload } = await nextFrame(client);
        if (status === "resync") payloads.length = 0;
        else payloads.push(payload);
        if (payload === "new 4") return payloads;
      }
    };
    let payloads = await untilLast();
    if (payloads.length < values.length) payloads = await untilLast();
    assertEquals(payloads, values);
    await until("the others are forgotten", () => wss.service.stream.positions.length === 1);
  },
);

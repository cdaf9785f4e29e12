/** Batches that are hard to read, and transactions. */
import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import type { Client } from "../_support/clients/client.ts";
import { encodeBatch } from "../_support/kafka/batches.ts";
import { connectKafka, createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { connectWire } from "../_support/kafka/wire.ts";
import { until } from "../_support/queue.ts";
import type { Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

function notification(data: unknown): string {
  const document = { userId: "42", type: "message", data };
  return JSON.stringify({ type: "notification", document });
}

async function isDegraded({ http }: Wss): Promise<boolean> {
  const response = await fetch(`${http}/readyz`);
  return (await response.json()).degraded === true;
}

/** The next frame that is not about the stream. */
async function nextFrame(client: Client) {
  for (;;) {
    const frame = await client.next();
    if (frame.event !== "stream") return frame;
  }
}

/** Writes one batch as it is. For so many records, kafkajs would take minutes. */
async function writeBatch(topic: string, batch: Uint8Array): Promise<void> {
  const name = new TextEncoder().encode(topic);
  const buffer = Buffer.alloc(26 + name.length + batch.length);
  buffer.writeInt16BE(-1, 0); // no transaction
  buffer.writeInt16BE(-1, 2); // all replicas
  buffer.writeInt32BE(30_000, 4);
  buffer.writeInt32BE(1, 8); // one topic
  buffer.writeInt16BE(name.length, 12);
  buffer.set(name, 14);
  buffer.writeInt32BE(1, 14 + name.length); // one partition, which is 0
  buffer.writeInt32BE(batch.length, 22 + name.length);
  buffer.set(batch, 26 + name.length);
  using broker = await connectWire();
  const request = { apiKey: 0, apiVersion: 8, apiName: "Produce" };
  await broker.sendRaw({ request: { ...request, encode: () => ({ buf: buffer, buffer }) } });
}

kafkaTest("[KAF9] a batch of 200,000 records stops nothing, also at the next start", async () => {
  await using topic = await createTopic();
  await using wss = await topic.startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const records = Array.from({ length: 200_000 }, () => ({ value: null }));
  await writeBatch(topic.name, encodeBatch(records, { codec: "gzip" }));
  await topic.produce([notification("goes on")]);

  assertEquals((await client.next()).payload, "goes on");
  assertEquals(wss.service.stream.positions, [200_001]);
  await using next = await topic.startWss();
  assertEquals(next.service.stream.positions, [200_001]);
});

kafkaTest(
  "[DEL10] a transaction that hangs keeps no instance from starting, and is seen",
  async () => {
    await using topic = await createTopic();
    const producer = (await connectKafka()).producer({
      transactionalId: topic.name,
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    await using _producer = { [Symbol.asyncDispose]: () => producer.disconnect() };
    const transaction = await producer.transaction();
    await transaction.send({ topic: topic.name, messages: [{ value: notification("aborted") }] });
    await topic.produce([notification("waits")]);

    await using wss = await topic.startWss({ settings: { DEGRADED_AFTER_SECONDS: 1 } });
    await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
    await client.request("getMyNotifications", LIST);
    await until("the stream is degraded", () => isDegraded(wss));
    const metric = (name: string) =>
      wss.admin.metric({ name: `wss_kafka_${name}`, labels: { partition: "0" } });
    await until("the leader has told the end", async () => await metric("end") === 2);
    const seen = [await metric("end"), await metric("stable_end"), await metric("lag")];
    await transaction.abort();

    const { status, payload } = await nextFrame(client);
    assertEquals(seen, [2, 0, 2]);
    assertEquals({ status, payload }, { status: "update", payload: "waits" });
    await until("the stream is live", async () => !await isDegraded(wss));
  },
);

kafkaTest("records of transactions are pushed when they are committed", async () => {
  await using topic = await createTopic();
  await using wss = await topic.startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const producer = (await connectKafka()).producer({
    transactionalId: topic.name,
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producer.connect();
  await using _producer = { [Symbol.asyncDispose]: () => producer.disconnect() };
  for (const end of ["abort", "commit", "abort", "commit"] as const) {
    const transaction = await producer.transaction();
    await transaction.send({ topic: topic.name, messages: [{ value: notification(end) }] });
    await transaction[end]();
  }

  const pushes = [await client.next(), await client.next()];
  assertEquals(pushes.map(({ payload, id }) => [payload, id]), [["commit", "0-2"], [
    "commit",
    "0-6",
  ]]);
});

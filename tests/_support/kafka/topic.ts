/** Topics on the broker of the test run, and tools to write to them. */
import { Buffer } from "node:buffer";
import kafkajs, { type Admin, type ITopicConfig, type Kafka, type Producer } from "kafkajs";
import { KafkaReader, type KafkaReaderOptions } from "../../../src/kafka/reader.ts";
import { createKafka } from "../../../src/kafka/client.ts";
import { deadline, Queue, until } from "../queue.ts";
import { testSettings } from "../service/settings.ts";
import { startWss } from "../service/wss.ts";
import { QUICK_START } from "./broker.ts";
import { findKafka } from "./distribution.ts";

const BROKERS = Deno.env.get("KAFKA_BROKERS") ?? "";

/** A test that needs Kafka. Without Kafka, it is ignored. */
export function kafkaTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: BROKERS === "", fn });
}

export async function connectKafka(brokers = BROKERS): Promise<Kafka> {
  return await createKafka(testSettings("http://127.0.0.1", { KAFKA_BROKERS: brokers.split(",") }));
}

export async function withAdmin<T>(
  work: (admin: Admin) => Promise<T>,
  brokers = BROKERS,
): Promise<T> {
  const admin = (await connectKafka(brokers)).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/**
 * Makes a topic that does not exist, and waits until the leader of each partition answers: kafkajs
 * itself does not wait for a broker that does not know the topic yet.
 *
 * @throws {Error} It exists
 */
export async function makeTopic(admin: Admin, config: ITopicConfig): Promise<void> {
  const { topic } = config;
  const isMade = await admin.createTopics({ topics: [config], waitForLeaders: false });
  if (!isMade) throw new Error(`Topic ${topic} exists`);
  await until(`${topic} has leaders`, async () => {
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => null);
    const partitions = metadata?.topics[0]?.partitions ?? [];
    return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0);
  }, 60_000);
  // A broker may be named as the leader before it knows that it is.
  await until(
    `the leaders of ${topic} answer`,
    () => admin.fetchTopicOffsets(topic).then(() => true, () => false),
    60_000,
  );
}

/** A topic of its own for a test; deleted at its end. */
export async function createTopic({ partitions = 1 }: { partitions?: number } = {}) {
  const name = `test-${crypto.randomUUID().slice(0, 8)}`;
  await withAdmin((admin) => makeTopic(admin, { topic: name, numPartitions: partitions }));
  const kafka = await connectKafka();
  const producer: Producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();

  return {
    name,
    /** The environment of a process that reads the topic. */
    env: { KAFKA_BROKERS: BROKERS, KAFKA_TOPIC: name },
    /** Starts a service in this process that reads the topic. */
    startWss: (
      { reader = {}, ...options }: Parameters<typeof startWss>[0] & {
        reader?: KafkaReaderOptions;
      } = {},
    ) =>
      startWss({
        ...options,
        settings: { ...options.settings, KAFKA_BROKERS: BROKERS.split(","), KAFKA_TOPIC: name },
        createReader: (settings) => new KafkaReader(settings, reader),
      }),
    /** Writes values, as JSON unless they are bytes, text or null. */
    async produce(
      values: readonly unknown[],
      { partition, headers, key = null }: {
        partition?: number;
        headers?: Record<string, string>;
        key?: string | null;
      } = {},
    ): Promise<void> {
      await producer.send({
        topic: name,
        messages: values.map((value) => ({
          key,
          value: value === null || typeof value === "string"
            ? value
            : value instanceof Uint8Array
            ? Buffer.from(value)
            : JSON.stringify(value),
          ...(partition === undefined ? {} : { partition }),
          ...(headers ? { headers } : {}),
        })),
      });
    },
    /** Deletes all records before an offset of the first partition, as retention does. */
    deleteUpTo: (offset: number) =>
      withAdmin(async (admin) => {
        // kafkajs looks into metadata that it has not loaded, unless it was asked for something.
        await admin.fetchTopicOffsets(name);
        const partitions = [{ partition: 0, offset: String(offset) }];
        await admin.deleteTopicRecords({ topic: name, partitions });
      }),
    /** Writes lines with Kafka's own console producer. */
    produceWithConsole: (lines: string[], ...args: string[]) =>
      runConsoleProducer(name, lines, args),
    async [Symbol.asyncDispose]() {
      await producer.disconnect();
      await withAdmin((admin) => admin.deleteTopics({ topics: [name] }));
    },
  };
}

async function runConsoleProducer(topic: string, lines: string[], args: string[]): Promise<void> {
  const distribution = await findKafka();
  const producerArgs = ["--bootstrap-server", BROKERS, "--topic", topic, ...args];
  const command = distribution?.kind === "java"
    ? new Deno.Command("java", {
      args: [
        ...QUICK_START,
        "-cp",
        `${distribution.libs}/*`,
        "org.apache.kafka.tools.ConsoleProducer",
        ...producerArgs,
      ],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    })
    : new Deno.Command("docker", {
      args: [
        "exec",
        "-i",
        `wss-kafka-${BROKERS.split(":")[1]}`,
        "/opt/kafka/bin/kafka-console-producer.sh",
        ...producerArgs,
      ],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
  await writer.close();
  const { success, stderr } = await child.output();
  if (!success) throw new Error(`The console producer failed: ${new TextDecoder().decode(stderr)}`);
}

/** Reads all of a topic, as a consumer of another kind would. */
export async function readTopic(topic: string) {
  const records = new Queue<unknown>();
  const consumer = (await connectKafka()).consumer({ groupId: `reader-${crypto.randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage({ partition, message: { key, value, headers = {} } }) {
      records.push({
        partition,
        key: key?.toString() ?? null,
        value: value?.toString() ?? null,
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, value?.toString()]),
        ),
      });
      return Promise.resolve();
    },
  });
  return {
    async take(count: number) {
      const taken = [];
      while (taken.length < count) taken.push(await deadline("a record", records.next()));
      return taken;
    },
    [Symbol.asyncDispose]: () => consumer.disconnect(),
  };
}

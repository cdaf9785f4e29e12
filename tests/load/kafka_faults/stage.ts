/** What all cases share: a broker, a producer that does not go through the proxy, and a backend. */
import kafkajs from "kafkajs";
import { startSaslBroker } from "../../_support/kafka/sasl_broker.ts";
import { connectKafka } from "../../_support/kafka/topic.ts";
import { startBackend } from "../../_support/service/backend.ts";

/** So that faults can be for each partition. */
export const PARTITIONS = 2;

/** A record that a client is owed. */
export interface Written {
  /** As in its push. */
  readonly id: string;
  readonly data: number;
}

export type Stage = Awaited<ReturnType<typeof startStage>>;

export async function startStage() {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startSaslBroker());
  const kafka = await connectKafka(broker.address);
  const admin = kafka.admin();
  await admin.connect();
  stack.defer(() => admin.disconnect());
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  stack.defer(() => producer.disconnect());
  const backend = stack.use(startBackend({ users: { alice: "42" } }));
  const resources = stack.move();
  let lastTopic = 0;
  let lastData = 0;

  return {
    broker: broker.saslAddress,
    backend,
    /** A topic of its own for a case; deleted at its end. */
    async createTopic() {
      const name = `faults-${++lastTopic}`;
      await admin.createTopics({
        topics: [{ topic: name, numPartitions: PARTITIONS }],
        waitForLeaders: true,
      });
      return {
        name,
        [Symbol.asyncDispose]: () => admin.deleteTopics({ topics: [name] }),
      };
    },
    /** Writes a notification for alice to each partition. */
    async write(topic: string): Promise<Written[]> {
      const written: Written[] = [];
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const data = ++lastData;
        const document = { userId: "42", type: "message", data };
        const value = JSON.stringify({ type: "notification", document });
        const [record] = await producer.send({ topic, acks: -1, messages: [{ partition, value }] });
        written.push({ id: `${partition}-${record?.baseOffset}`, data });
      }
      return written;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

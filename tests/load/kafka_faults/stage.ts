/** What all cases share: a broker, a producer that does not go through the proxy, and a backend. */
import kafkajs from "kafkajs";
import { startSaslBroker } from "../../_support/kafka/sasl_broker.ts";
import { connectKafka, withAdmin } from "../../_support/kafka/topic.ts";
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

/** Starts it, with topics for as many cases as run at once. */
export async function startStage({ topics: count }: { topics: number }) {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startSaslBroker());
  const topics = Array.from({ length: count }, (_, i) => `faults-${i}`);
  await withAdmin((admin) =>
    admin.createTopics({
      topics: topics.map((topic) => ({ topic, numPartitions: PARTITIONS })),
      waitForLeaders: true,
    }), broker.address);
  const producer = (await connectKafka(broker.address)).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  stack.defer(() => producer.disconnect());
  const backend = stack.use(startBackend({ users: { alice: "42" } }));
  const resources = stack.move();
  let lastData = 0;

  return {
    broker: broker.saslAddress,
    topics,
    backend,
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

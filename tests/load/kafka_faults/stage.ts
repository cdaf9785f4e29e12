/** What all cases share: a broker and a backend. */
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
  const backend = stack.use(startBackend({ users: { alice: "42" } }));
  const admin = (await connectKafka(broker.address)).admin();
  await admin.connect();
  stack.defer(() => admin.disconnect());
  const resources = stack.move();
  let topics = 0;

  return {
    /** Where the broker asks for a credential. */
    broker: broker.saslAddress,
    backend,
    /** A topic of its own for a case. It is gone with the broker. */
    async createTopic() {
      const topic = `faults-${++topics}`;
      await admin.createTopics({
        topics: [{ topic, numPartitions: PARTITIONS }],
        waitForLeaders: false,
      });
      return await connectTo(topic, broker.address);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** A producer that does not go through a proxy, for one topic. */
async function connectTo(name: string, broker: string) {
  const producer = (await connectKafka(broker)).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  let last = 0;

  return {
    name,
    /** Writes a notification for alice to each partition. */
    async write(): Promise<Written[]> {
      const written: Written[] = [];
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const data = ++last;
        const document = { userId: "42", type: "message", data };
        const value = JSON.stringify({ type: "notification", document });
        const [record] = await producer.send({
          topic: name,
          acks: -1,
          messages: [{ partition, value }],
        });
        written.push({ id: `${partition}-${record?.baseOffset}`, data });
      }
      return written;
    },
    [Symbol.asyncDispose]: () => producer.disconnect(),
  };
}

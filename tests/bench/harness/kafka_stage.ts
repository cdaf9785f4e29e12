/** The parts that benchmarks with a real Kafka share: a broker, the APIs, a producer. */
import { withAdmin } from "../../_support/kafka/topic.ts";
import { runBroker } from "../../_support/kafka/run_broker.ts";
import { type Child, startChild } from "./child.ts";
import type { KafkaServerOptions } from "../servers/kafka_wss.ts";
import { type Fill, PARTITIONS } from "../clients/load.ts";

/** Milliseconds to fill a topic, even on a busy machine. */
const FILL_MS = 120_000;

/** A broker with its backend and its producer. */
export interface KafkaStage extends AsyncDisposable {
  readonly backend: Child;
  readonly producer: Child;
  /** Makes a topic, and gives the options of a server that reads it. */
  createTopic(): Promise<KafkaServerOptions>;
  /**
   * Writes messages while a server is stopped. So the server finds all of them when it goes on, and
   * the producer takes no CPU while the server reads.
   */
  fillWhileStopped(server: Pick<Child, "pid">, fill: Fill): Promise<void>;
}

/** Starts the stage. Without Kafka it says so, and gives `null`. */
export async function startKafkaStage(benchmark: string): Promise<KafkaStage | null> {
  await using starting = new AsyncDisposableStack();
  const broker = await runBroker(`the benchmark ${benchmark} is`);
  if (!broker) return null;
  starting.use(broker);
  const { address: brokers } = broker;
  const backend = starting.use(startChild("servers/backend.ts"));
  const { origin } = await backend.next();
  const producer = starting.use(startChild("clients/producer.ts", { brokers }));
  await producer.next();
  const started = starting.move();
  return {
    backend,
    producer,
    async createTopic() {
      const topic = `bench-${crypto.randomUUID().slice(0, 8)}`;
      const topics = [{ topic, numPartitions: PARTITIONS }];
      await withAdmin((admin) => admin.createTopics({ topics, waitForLeaders: true }), brokers);
      return { brokers, topic, backend: origin };
    },
    async fillWhileStopped({ pid }, fill) {
      Deno.kill(pid, "SIGSTOP");
      await producer.ask({ fill }, FILL_MS);
      Deno.kill(pid, "SIGCONT");
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** The requests of clients of the users 0, 1, 2 …: a login, and a list that subscribes. */
export const SUBSCRIBE_EACH = {
  requests: [
    { rid: 1, command: "authentication", options: { authToken: "token-{client}" } },
    { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
  ],
  readyAt: '"rid":2',
  counted: '"status":"update"',
};

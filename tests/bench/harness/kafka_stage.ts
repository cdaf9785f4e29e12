/** What benchmarks with a real Kafka have in common: a broker, the APIs, a producer, servers. */
import { withAdmin } from "../../_support/kafka/topic.ts";
import { runBroker } from "../../_support/kafka/run_broker.ts";
import { type Child, startChild } from "./child.ts";
import type { KafkaServerOptions } from "../servers/kafka_wss.ts";
import { type Fill, PARTITIONS } from "../clients/load.ts";

/** Milliseconds for filling a topic, also on a machine that does other things. */
const FILL_MS = 120_000;

/** A broker with all that is around it. */
export interface KafkaStage extends AsyncDisposable {
  readonly backend: Child;
  readonly producer: Child;
  /** A new topic, and what a server is told of it. */
  createTopic(): Promise<KafkaServerOptions>;
  /**
   * Writes messages while a server is stopped, so that it finds all of them when it goes on, and the
   * producer takes nothing of the machine while it reads them.
   */
  fillWhileStopped(server: Child, fill: Fill): Promise<void>;
}

/** Starts it; `null`, and said so, where there is no Kafka. */
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

/** What clients of users 0, 1, 2… send: a login, and a list to be subscribed by. */
export const SUBSCRIBE_EACH = {
  requests: [
    { rid: 1, command: "authentication", options: { authToken: "token-{client}" } },
    { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
  ],
  readyAt: '"rid":2',
  counted: '"status":"update"',
};

/**
 * What slow clients cost the others: the delay from publishing to receiving, with one client that reads
 * nothing and 20 that read 1 KiB a second, beside the delay without slow clients.
 */
import { startBackend } from "../../../_support/service/backend.ts";
import { type Benchmark, measureInTurn, type Sample } from "../../harness/benchmark.ts";
import { quantile } from "../../harness/statistics.ts";
import { runBroker } from "../../../_support/kafka/run_broker.ts";
import { connectKafka, withAdmin } from "../../../_support/kafka/topic.ts";
import { startProcess } from "../../../_support/service/process.ts";
import { until } from "../../../_support/queue.ts";
import { openRawSocket } from "../../../_support/clients/raw_socket.ts";
import { testEnvironment } from "../../../_support/service/settings.ts";

const CLIENTS = 500;
const SLOW_BYTES_PER_SECOND = 1024;
const MESSAGES = 300;
/** Milliseconds between two messages. */
const EVERY_MS = 50;
const TEXT = "x".repeat(2000);
/** The messages and their bytes: more than the system buffers for a slow client. */
const FLOOD = 20;
const FLOOD_BYTES = 500_000;

const LOGIN = { rid: 1, command: "authentication", options: { authToken: "alice" } };
const LIST = { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } };

/** Delays with and without slow clients. */
export const isolation: Benchmark = {
  name: "isolation",
  async run({ small, report }) {
    const [clientCount, slowCount, messages] = small ? [20, 2, 10] : [CLIENTS, 20, MESSAGES];
    await using broker = await runBroker("the benchmark isolation is");
    if (!broker) return;
    const topic = `bench-${crypto.randomUUID().slice(0, 8)}`;
    await withAdmin(
      (admin) => admin.createTopics({ topics: [{ topic }], waitForLeaders: true }),
      broker.address,
    );
    await using backend = startBackend({ users: { alice: "42" } });
    const settings = { KAFKA_BROKERS: broker.address, KAFKA_TOPIC: topic };
    await using wss = await startProcess({
      env: { ...testEnvironment(backend.origin), ...settings },
    });
    const url = `ws://127.0.0.1:${await wss.port()}/web`;
    await wss.line(/Ready/);
    await using resources = new AsyncDisposableStack();
    const producer = (await connectKafka(broker.address)).producer();
    await producer.connect();
    resources.defer(() => producer.disconnect());

    let delays: number[] = [];
    let subscribed = 0;
    for (let i = 0; i < clientCount; i++) {
      const client = new WebSocket(url);
      resources.defer(() => client.close());
      client.onopen = () => {
        client.send(JSON.stringify(LOGIN));
        client.send(JSON.stringify(LIST));
      };
      client.onmessage = ({ data }) => {
        const { rid, payload } = JSON.parse(data);
        if (rid === 2) subscribed++;
        if (rid === -1) delays.push(performance.now() - payload.at);
      };
    }
    await until("all are subscribed", () => subscribed === clientCount);

    async function publish(text: string): Promise<void> {
      const data = { at: performance.now(), text };
      const value = { type: "notification", document: { userId: "42", type: "a", data } };
      await producer.send({ topic, messages: [{ value: JSON.stringify(value) }] });
    }

    async function measureDelays(): Promise<Sample> {
      delays = [];
      for (let n = 0; n < messages; n++) {
        await publish(TEXT);
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      }
      const expected = messages * clientCount;
      await until("all is received", () => delays.length >= expected);
      return {
        delivered: delays.length,
        expected,
        figures: { "99th percentile of the delay": quantile(delays, 0.99) },
      };
    }

    /** Connects slow clients, which read until they are stopped. */
    async function connectSlow(): Promise<DisposableStack> {
      const sockets = new DisposableStack();
      for (let i = 0; i <= slowCount; i++) {
        const socket = sockets.use(await openRawSocket(url));
        await socket.request(LOGIN);
        await socket.request(LIST);
        await socket.readJson();
        await socket.readJson();
        if (i === 0) continue;
        socket.limitReading(SLOW_BYTES_PER_SECOND);
        (async () => {
          while (await socket.readFrame());
        })().catch(() => {});
      }
      return sockets;
    }

    async function flood(): Promise<void> {
      delays = [];
      for (let i = 0; i < FLOOD; i++) await publish("x".repeat(FLOOD_BYTES));
      await until("the flood is over", () => delays.length === FLOOD * clientCount, 60_000);
    }

    const withSlow = {
      name: "with slow",
      async measure() {
        using _ = await connectSlow();
        await flood();
        return await measureDelays();
      },
    };
    report(
      await measureInTurn([withSlow, { name: "without", measure: measureDelays }], {
        rounds: small ? 1 : 3,
        warmUps: 1,
        benchmark: "isolation",
        case: `${clientCount} clients, ${slowCount + 1} slow ones`,
        figures: { "99th percentile of the delay": { unit: "ms", hasRatio: true } },
      }),
    );
  },
};

/**
 * The time from the start of the process until it serves: of wss until `/readyz` is 200, with nothing to
 * read from Kafka and with a full window; of a bare server until it answers. Also the size of wss.
 */
import { fileURLToPath } from "node:url";
import { freePort } from "../../_support/network/free_port.ts";
import { createAdminClient } from "../../_support/service/admin.ts";
import {
  type Benchmark,
  measureInTurn,
  type MeasureOptions,
  type Result,
  turns,
  type Variant,
} from "../harness/benchmark.ts";
import { startChild } from "../harness/child.ts";
import { runBroker } from "../../_support/kafka/run_broker.ts";
import { connectKafka, withAdmin } from "../../_support/kafka/topic.ts";
import { startProcess } from "../../_support/service/process.ts";
import { until } from "../../_support/queue.ts";
import { testEnvironment } from "../../_support/service/settings.ts";

/** Messages of 1 KiB: more than RECOVERY_MAX_BYTES holds. */
const FULL = 65_536;
/** Messages that one request writes. */
const BATCH = 512;

const ROOT = new URL("../../../", import.meta.url);

/** Resolves when the URL answers 200. */
async function whenAnswers(url: string): Promise<void> {
  await until(`${url} answers 200`, async () => {
    const response = await fetch(url).catch(() => null);
    await response?.body?.cancel();
    return response?.status === 200;
  });
}

function startOfWss(
  { brokers, topic, messages }: { brokers: string; topic: string; messages: number },
): Variant {
  return {
    name: "wss",
    async measure() {
      const adminPort = freePort();
      const start = performance.now();
      await using wss = await startProcess({
        env: {
          // Before it has started, nothing listens.
          ...testEnvironment("http://127.0.0.1:1"),
          KAFKA_BROKERS: brokers,
          KAFKA_TOPIC: topic,
          ADMIN_PORT: String(adminPort),
          RECOVERY_WINDOW_SECONDS: "3600",
        },
      });
      await whenAnswers(`http://127.0.0.1:${await wss.port()}/readyz`);
      const ms = performance.now() - start;
      // By then it must have read everything. With nothing to read, this is the start itself.
      const read = await recordsRead(`http://127.0.0.1:${adminPort}`);
      return { figures: { "until it serves": ms }, delivered: 1 + read, expected: 1 + messages };
    },
  };
}

async function recordsRead(adminUrl: string): Promise<number> {
  const { text } = await createAdminClient(adminUrl).request("/metrics");
  const series = text.matchAll(/^wss_kafka_records_total\{.*\} (\d+)$/gm);
  return [...series].reduce((sum, [, count]) => sum + Number(count), 0);
}

const startOfBare: Variant = {
  name: "bare",
  async measure() {
    const start = performance.now();
    await using bare = startChild("servers/bare_hello.ts");
    const { port } = await bare.next();
    await whenAnswers(`http://127.0.0.1:${port}`);
    return { figures: { "until it serves": performance.now() - start }, delivered: 1, expected: 1 };
  },
};

async function fill(brokers: string, topic: string, messages: number): Promise<void> {
  const document = { userId: "42", type: "message", data: "x".repeat(1022) };
  const value = JSON.stringify({ type: "notification", document });
  const producer = (await connectKafka(brokers)).producer();
  await producer.connect();
  for (let written = 0; written < messages; written += BATCH) {
    const count = Math.min(BATCH, messages - written);
    await producer.send({ topic, messages: Array.from({ length: count }, () => ({ value })) });
  }
  await producer.disconnect();
}

/** The size of the binary if `deno task compile` has made one, or else of the files of wss that it loads. */
async function sizeOfWss(): Promise<{ what: string; unit: string; size: number }> {
  const binary = await Deno.stat(new URL("wss", ROOT)).catch(() => null);
  if (binary) return { what: "binary", unit: "MiB", size: binary.size / 2 ** 20 };
  const info = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", fileURLToPath(new URL("src/main.ts", ROOT))],
    stderr: "null",
  });
  const { modules } = JSON.parse(new TextDecoder().decode((await info.output()).stdout));
  const own = modules.filter(({ specifier }: { specifier: string }) =>
    specifier.startsWith("file:")
  );
  const bytes = own.reduce((sum: number, { size }: { size: number }) => sum + size, 0);
  return { what: "source, without packages", unit: "KiB", size: bytes / 1024 };
}

async function measureSize(): Promise<Result> {
  const { what, unit, size } = await sizeOfWss();
  const wss: Variant = {
    name: "wss",
    measure: () => Promise.resolve({ figures: { [what]: size }, delivered: 1, expected: 1 }),
  };
  return await measureInTurn([wss], {
    rounds: 1,
    warmUps: 0,
    benchmark: "start",
    case: "size",
    figures: { [what]: { unit } },
  });
}

/** The size, and starts with an empty and with a full window. */
export const start: Benchmark = {
  name: "start",
  async run({ small, report }) {
    report(await measureSize());
    await using broker = await runBroker("the benchmark start is");
    if (!broker) return;
    const brokers = broker.address;
    const figures: MeasureOptions["figures"] = {
      "until it serves": { unit: "ms", hasRatio: true },
    };
    for (const messages of [0, small ? BATCH : FULL]) {
      const topic = `bench-${crypto.randomUUID().slice(0, 8)}`;
      await withAdmin(
        (admin) => admin.createTopics({ topics: [{ topic }], waitForLeaders: true }),
        brokers,
      );
      await fill(brokers, topic, messages);
      report(
        await measureInTurn([startOfWss({ brokers, topic, messages }), startOfBare], {
          ...turns(small),
          benchmark: "start",
          case: messages === 0 ? "an empty window" : `a window of ${messages} messages of 1 KiB`,
          figures,
        }),
      );
    }
  },
};

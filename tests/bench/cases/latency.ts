/**
 * The time of a message from the producer to the client, at several paces.
 *
 * It begins when the message was scheduled, at equal intervals, even if the producer wrote it later: so
 * a slow moment counts for every message that it delays. It ends when the client's process has read the
 * message. All processes are on one machine, and use one clock.
 */
import {
  type Benchmark,
  type FigureInfo,
  measureInTurn,
  turns,
  type Variant,
} from "../harness/benchmark.ts";
import type { Received } from "../clients/clients.ts";
import { type KafkaStage, startKafkaStage, SUBSCRIBE_EACH } from "../harness/kafka_stage.ts";
import type { Pace } from "../clients/load.ts";
import { startStage } from "../harness/stage.ts";
import { quantile } from "../harness/statistics.ts";

const PACES = [100, 1000, 5000];
/** The pace at which the 99th percentile has a target, in milliseconds. */
const TARGET = { perSecond: 1000, ms: 15 };
/** Clients, each of another user. */
const USERS = 1000;

const QUANTILES = { "50th percentile": 0.5, "99th percentile": 0.99, "99.9th percentile": 0.999 };

/** A variant at a pace, on a topic of its own. */
async function startVariant(
  kafka: KafkaStage,
  { name, script, ...pace }: Omit<Pace, "topic"> & { name: string; script: string },
): Promise<Variant & AsyncDisposable> {
  const options = await kafka.createTopic();
  const { users, count } = pace;
  const stage = await startStage({
    script,
    options,
    clients: { ...SUBSCRIBE_EACH, clients: users, perPush: count, isStamped: true },
  });
  return {
    name,
    async measure() {
      const cpuBefore = await stage.cpuMs();
      await kafka.producer.ask({ pace: { ...pace, topic: options.topic } });
      const { count: delivered, delaysMs }: Received = await stage.clients.ask({});
      const cpuMs = await stage.cpuMs() - cpuBefore;
      return {
        delivered: delivered + await stage.surplus(),
        expected: count,
        figures: {
          ...Object.fromEntries(
            Object.entries(QUANTILES).map(([name, part]) => [name, quantile(delaysMs, part)]),
          ),
          "CPU a message": cpuMs * 1000 / count,
        },
      };
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

function figuresOf(perSecond: number): Record<string, FigureInfo> {
  const percentiles = Object.keys(QUANTILES).map((name): [string, FigureInfo] => [name, {
    unit: "ms",
    hasRatio: true,
    ...perSecond === TARGET.perSecond && name === "99th percentile" &&
      { target: { of: "value", bound: "at most", value: TARGET.ms } },
  }]);
  return {
    ...Object.fromEntries(percentiles),
    "CPU a message": { unit: "µs", hasRatio: true },
  };
}

/** From produce to socket, with wss and with a bare consumer. */
export const latency: Benchmark = {
  name: "latency",
  async run({ small, report }) {
    await using kafka = await startKafkaStage("latency");
    if (!kafka) return;
    for (const perSecond of small ? [TARGET.perSecond] : PACES) {
      const seconds = small ? 1 : 10;
      const pace = { users: small ? 50 : USERS, perSecond, count: perSecond * seconds };
      await using wss = await startVariant(kafka, {
        ...pace,
        name: "wss",
        script: "servers/kafka_wss.ts",
      });
      await using bare = await startVariant(kafka, {
        ...pace,
        name: "bare",
        script: "servers/kafka_bare.ts",
      });
      const result = await measureInTurn([wss, bare], {
        ...turns(small),
        planMs: seconds * 1000,
        benchmark: "latency",
        case: `${perSecond} messages a second`,
        figures: figuresOf(perSecond),
      });
      report(result);
    }
  },
};

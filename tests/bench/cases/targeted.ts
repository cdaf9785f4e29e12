/**
 * How fast wss reads messages from Kafka that are for one user each, and messages for users who are not
 * connected. All messages are written before the server goes on, so that its reading is what counts. The
 * time ends when the last message is at its client.
 */
import {
  type Benchmark,
  type FigureInfo,
  measureInTurn,
  turns,
  type Variant,
} from "../harness/benchmark.ts";
import type { Received } from "../clients/clients.ts";
import { exactNow } from "../harness/clock.ts";
import { type KafkaStage, startKafkaStage, SUBSCRIBE_EACH } from "../harness/kafka_stage.ts";
import { type Fill, PARTITIONS } from "../clients/load.ts";
import { type Stage, startStage } from "../harness/stage.ts";

/** One table. */
interface Case {
  readonly name: string;
  readonly clients: number;
  /** The messages of a round. */
  readonly fill: Omit<Fill, "topic">;
  /** How many of these the clients get. */
  readonly expected: number;
  /** Messages a second. */
  readonly target: number;
}

function cases(small: boolean): Case[] {
  const users = small ? 100 : 10_000;
  const targeted = small ? 2000 : 100_000;
  const unwanted = small ? 5000 : 300_000;
  return [{
    name: `each for one of ${users} users`,
    clients: users,
    fill: { count: targeted, users },
    expected: targeted,
    target: 25_000,
  }, {
    name: "for users who are not connected",
    clients: 1,
    // The last message of each partition is for a client, which shows that everything was read.
    fill: { count: unwanted, users: 10_000, prefix: "absent-", last: "0" },
    expected: PARTITIONS,
    target: 50_000,
  }];
}

/** A variant of a case, on a topic of its own. */
async function startVariant(
  kafka: KafkaStage,
  { name, script, clients, fill, expected }: Case & { script: string },
): Promise<Variant & AsyncDisposable> {
  const options = await kafka.createTopic();
  const stage: Stage = await startStage({
    script,
    options,
    clients: { clients, perPush: expected, ...SUBSCRIBE_EACH },
  });
  return {
    name,
    async measure() {
      const cpuBefore = await stage.cpuMs();
      await kafka.fillWhileStopped(stage.server, { ...fill, topic: options.topic });
      const at = exactNow();
      const { count, lastAt }: Received = await stage.clients.ask({});
      const cpuMs = await stage.cpuMs() - cpuBefore;
      return {
        delivered: count + await stage.surplus(),
        expected,
        figures: {
          "messages a second": fill.count / ((lastAt ?? NaN) - at) * 1000,
          "CPU a message": cpuMs * 1000 / fill.count,
        },
      };
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

/** Messages for single users, with wss and with a bare consumer. */
export const targeted: Benchmark = {
  name: "targeted",
  async run({ small, report }) {
    await using kafka = await startKafkaStage("targeted");
    if (!kafka) return;
    for (const given of cases(small)) {
      await using wss = await startVariant(kafka, {
        ...given,
        name: "wss",
        script: "servers/kafka_wss.ts",
      });
      await using bare = await startVariant(kafka, {
        ...given,
        name: "bare",
        script: "servers/kafka_bare.ts",
      });
      const figures: Record<string, FigureInfo> = {
        "messages a second": {
          unit: "",
          hasRatio: true,
          target: { of: "value", bound: "at least", value: given.target },
        },
        "CPU a message": { unit: "µs", hasRatio: true },
      };
      const result = await measureInTurn([wss, bare], {
        ...turns(small),
        benchmark: "targeted",
        case: given.name,
        figures,
      });
      report(result);
    }
  },
};

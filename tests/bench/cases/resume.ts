/**
 * The return of many clients at once, as after the restart of an instance: each connects, logs in, and
 * asks for what it has missed since its cursor. This comes from the window, so the backend must not be
 * asked for a list.
 */
import type { BackendCalls } from "../servers/backend.ts";
import {
  type Benchmark,
  measureInTurn,
  type MeasureOptions,
  turns,
  type Variant,
} from "../harness/benchmark.ts";
import { type Child, startChild } from "../harness/child.ts";
import { type KafkaStage, startKafkaStage } from "../harness/kafka_stage.ts";
import type { ServerState } from "../servers/kafka_wss.ts";
import { PARTITIONS } from "../clients/load.ts";
import type { Resumed, ResumingOptions } from "../clients/resuming_clients.ts";
import { requireFiles } from "../harness/stage.ts";
import { connect } from "../../_support/clients/client.ts";
import { until } from "../../_support/queue.ts";

/** Messages that each client missed. */
const MISSED = 20;
/** Milliseconds over which the clients connect. */
const OVER_MS = 2000;
/** A user without a client in the benchmark, whose own client sees that everything was read. */
const WATCHER = "watcher";

const FIGURES: MeasureOptions["figures"] = {
  "all have all after": {
    unit: "ms",
    hasRatio: true,
    target: { of: "value", bound: "at most", value: 3000 },
  },
  "CPU a client": { unit: "µs", hasRatio: true },
  "logins asked of the backend": { unit: "" },
  "lists asked of the backend": { unit: "", target: { of: "value", bound: "at most", value: 0 } },
};

/** One table. */
interface Case {
  readonly name: string;
  readonly clients: number;
  /** The number of users. Each has the same number of clients. */
  readonly users: number;
}

function cases(small: boolean): Case[] {
  const clients = small ? 100 : 5000;
  return [
    { name: `${clients} clients, ${MISSED} messages each`, clients, users: clients },
    { name: `${clients} clients of one user, ${MISSED} messages`, clients, users: 1 },
  ];
}

function resumingOptions({ clients, users }: Case, port: number): ResumingOptions {
  const authToken = users === 1 ? "token-0" : "token-{client}";
  return {
    port,
    clients,
    overMs: OVER_MS,
    requests: [
      { rid: 1, command: "authentication", options: { authToken } },
      {
        rid: 2,
        command: "getMyNotifications",
        options: { where: { types: [] }, since: "{since}" },
      },
    ],
    counted: '"status":"update"',
    missed: MISSED,
  };
}

/** Starts a server and its returning clients. A round begins when `miss` has given a cursor. */
async function startVariant(
  kafka: KafkaStage,
  { name, server, port, given, miss }: {
    name: string;
    server: Child;
    port: number;
    given: Case;
    miss: () => Promise<string>;
  },
): Promise<Variant & AsyncDisposable> {
  const clients = startChild("clients/resuming_clients.ts", resumingOptions(given, port));
  await clients.next();
  const state = (): Promise<ServerState> => server.ask({});
  return {
    name,
    async measure() {
      const since = await miss();
      const { connections, cpuMs: cpuBefore } = await state();
      await kafka.backend.ask({});
      const { count, lastMs }: Resumed = await clients.ask({ since });
      const cpuMs = (await state()).cpuMs - cpuBefore;
      const { user, lists }: BackendCalls = await kafka.backend.ask({});
      await until("all have left", async () => (await state()).connections === connections);
      return {
        delivered: count,
        expected: given.clients * MISSED,
        figures: {
          "all have all after": lastMs,
          "CPU a client": cpuMs * 1000 / given.clients,
          "logins asked of the backend": user,
          "lists asked of the backend": lists,
        },
      };
    },
    [Symbol.asyncDispose]: () => clients[Symbol.asyncDispose](),
  };
}

async function runCase(kafka: KafkaStage, given: Case, small: boolean) {
  await requireFiles(given.clients);
  await using children = new AsyncDisposableStack();
  const options = await kafka.createTopic();
  const settings = {
    // So that each round asks for the logins again.
    AUTH_CACHE_SECONDS: "1",
    // So that no client is refused, even if all come before the backend answers the first.
    REQUEST_POOL_SIZE: String(Math.ceil(given.clients / 2)),
  };
  const wssServer = children.use(startChild("servers/kafka_wss.ts", { ...options, settings }));
  const { port } = await wssServer.next();
  const watcher = children.use(
    await connect(`ws://127.0.0.1:${port}/web`, { token: `token-${WATCHER}` }),
  );
  const list = { where: { types: [] } };
  const wss = children.use(
    await startVariant(kafka, {
      name: "wss",
      server: wssServer,
      port,
      given,
      async miss() {
        const { cursor = "" } = await watcher.request("getMyNotifications", list);
        const { users } = given;
        const fill = { topic: options.topic, count: users * MISSED, users, last: WATCHER };
        await kafka.producer.ask({ fill });
        for (let n = 0; n < PARTITIONS; n++) await watcher.next();
        return cursor;
      },
    }),
  );
  const bareServer = children.use(
    startChild("servers/kafka_bare.ts", { ...options, missed: MISSED }),
  );
  const bare = children.use(
    await startVariant(kafka, {
      name: "bare",
      server: bareServer,
      port: (await bareServer.next()).port,
      given,
      // The number of frames that it sends to each client that has missed something.
      miss: () => Promise.resolve("something"),
    }),
  );
  return await measureInTurn([wss, bare], {
    ...turns(small),
    benchmark: "resume",
    case: given.name,
    figures: FIGURES,
  });
}

/** Clients that come back to wss, and to a server that sends them as many frames. */
export const resume: Benchmark = {
  name: "resume",
  async run({ small, report }) {
    await using kafka = await startKafkaStage("resume");
    if (!kafka) return;
    for (const given of cases(small)) report(await runCase(kafka, given, small));
  },
};

/**
 * `deno task abuse`: all attacks at once for a minute, beside clients that must lose nothing. It prints how
 * long these wait, and the memory of the service. Both depend on the machine, so it is no part of the tests.
 * `ATTACKS="nested frames,slow upgrades" deno task abuse` makes these attacks alone.
 */
import { constants, setPriority } from "node:os";
import { assert, assertEquals } from "@std/assert";
import { ConfigResourceTypes } from "kafkajs";
import { delay } from "../../../src/util/delay.ts";
import { startChild } from "../../bench/harness/child.ts";
import { freePort } from "../../_support/network/free_port.ts";
import { connectKafka, createTopic, kafkaTest, withAdmin } from "../../_support/kafka/topic.ts";
import { until } from "../../_support/queue.ts";
import { ALLOCATOR, startProcess } from "../../_support/service/process.ts";
import { testEnvironment } from "../../_support/service/settings.ts";
import type { AttackersOptions } from "./attackers.ts";
import { type AttackName, ATTACKS } from "./attacks.ts";
import { watch } from "./watch.ts";
import { type Delays, WellBehaved } from "./well_behaved.ts";

const CLIENTS = 200;
const QUIET_MS = 15_000;
const ATTACK_MS = 60_000;
/** The longest that the attackers may take until they are prepared, on a machine that is busy. */
const PREPARE_MS = 180_000;
/** Milliseconds between two requests of a client, and between two pushes to it. */
const REQUEST_MS = 1000;
const PUSH_MS = 2000;
const NEVER = new AbortController().signal;

/** What is done at once: all attacks, or those that ATTACKS names. */
function chosenAttacks(): AttackName[] {
  const all = Object.keys(ATTACKS) as AttackName[];
  const given = Deno.env.get("ATTACKS")?.split(",") ?? all;
  const chosen = all.filter((name) => given.includes(name));
  assertEquals(given.toSorted(), chosen.toSorted(), `expected attacks among ${all.join(", ")}`);
  return chosen;
}

/** Starts the service as operators do, with the limits that it has by default. */
async function startTarget() {
  await using stack = new AsyncDisposableStack();
  const topic = stack.use(await createTopic({ partitions: 2 }));
  // 100 MB of one letter are 5 MB if snappy has compressed them.
  const configEntries = [{ name: "max.message.bytes", value: "10000000" }];
  await withAdmin((admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic.name, configEntries }],
    })
  );
  // Processes of their own, as one API that is busy must not make the others slow.
  const startApi = async (name: string) => {
    const api = stack.use(startChild(import.meta.resolve("./backend.ts")));
    return `http://127.0.0.1:${(await api.next()).port}/${name}`;
  };
  const adminPort = freePort();
  const wss = stack.use(
    await startProcess({
      env: {
        ...testEnvironment("http://127.0.0.1:1"),
        API_URL_USER: await startApi("user"),
        API_URL_NOTIFICATION: await startApi("notification"),
        API_URL_SCHEDULE_MOBILE: await startApi("schedule"),
        API_URL_TOURNAMENT_MOBILE: await startApi("tournament"),
        ...topic.env,
        RATE_LIMIT: "50",
        RATE_LIMIT_BYTES: String(256 * 1024),
        TRUST_PROXY: "true",
        ADMIN_PORT: String(adminPort),
        ADMIN_TOKEN: crypto.randomUUID(),
        ...ALLOCATOR,
      },
    }),
  );
  const port = await wss.port();
  await wss.line(/Ready/);
  const resources = stack.move();
  return {
    topic,
    wss,
    port,
    adminPort,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Clients that are busy until they are asked to end. */
async function startClients({ port, topic }: { port: number; topic: { name: string } }) {
  let delays: Delays = { replies: [], pushes: [] };
  const url = `ws://127.0.0.1:${port}`;
  const options = { url, delays: () => delays };
  const clients: WellBehaved[] = [];
  while (clients.length < CLIENTS) {
    const more = Array.from(
      { length: 20 },
      (_, i) => WellBehaved.connect(`user-${clients.length + i}`, options),
    );
    clients.push(...await Promise.all(more));
  }
  const producer = (await connectKafka()).producer();
  await producer.connect();
  const ending = new AbortController();
  const { signal } = ending;
  /** Pushes of each client so far. */
  let rounds = 0;

  const asking = Promise.all(clients.map(async (client, i) => {
    await delay(i * REQUEST_MS / CLIENTS, signal);
    while (!signal.aborted) {
      client.ask().catch((error) => client.problems.push(String(error)));
      await delay(REQUEST_MS, signal);
    }
  }));
  const pushing = (async () => {
    const parts = PUSH_MS / 100;
    for (let part = 0; !signal.aborted || part > 0; part = (part + 1) % parts) {
      const messages = clients.keys().filter((i) => i % parts === part).map((i) => {
        const data = { n: rounds, at: Date.now() };
        const document = { userId: `user-${i}`, type: "message", data };
        return { partition: i % 2, value: JSON.stringify({ type: "notification", document }) };
      });
      await producer.send({ topic: topic.name, messages: [...messages] });
      if (part === parts - 1) rounds++;
      await delay(100, NEVER);
    }
  })();
  const joining = (async () => {
    for (let i = 0; !signal.aborted; i++) {
      // A user who comes while all the others are there must be let in as well, even if that takes longer.
      const late = await WellBehaved.connect(`user-late-${i}`, {
        url,
        delays: () => ({ replies: [], pushes: [] }),
      });
      late.leave();
      await delay(500, signal);
    }
  })();

  return {
    clients,
    /** What was measured since the last time. */
    takeDelays(): Delays {
      const taken = delays;
      delays = { replies: [], pushes: [] };
      return taken;
    },
    /** Sends no more; gives how many pushes each client must have got, after those have had time. */
    async end(): Promise<number> {
      ending.abort();
      await Promise.all([asking, pushing, joining]);
      await until(
        "all is received",
        () =>
          clients.every(({ pushed, unanswered }) => pushed.length >= rounds && unanswered === 0),
      ).catch(() => {});
      await producer.disconnect();
      for (const client of clients) client.leave();
      return rounds;
    },
  };
}

kafkaTest(
  "[LIM5][LIM6][LIM7][KAF11][BCK4] beside all attacks at once, 200 clients lose nothing",
  async () => {
    await using target = await startTarget();
    const { wss, port, adminPort, topic } = target;
    const options: AttackersOptions = {
      target: { port, adminPort, brokers: topic.env.KAFKA_BROKERS, topic: topic.name },
      attacks: chosenAttacks(),
    };
    await using attackers = startChild(import.meta.resolve("./attackers.ts"), options);
    // What they do must not slow the others down because there are too few CPUs for all of them.
    setPriority(attackers.pid, constants.priority.PRIORITY_LOW);
    await attackers.next(PREPARE_MS);
    const busy = await startClients(target);
    const { takeDelays } = busy;
    const quiet = await watch(wss.pid, { forMs: QUIET_MS, takeDelays });
    await attackers.ask({});
    const attacked = await watch(wss.pid, { forMs: ATTACK_MS, takeDelays });
    const strikes: Record<string, number> = await attackers.ask({ end: true });
    const rounds = await busy.end();

    // deno-lint-ignore no-console
    console.log({ quiet, attacked, strikes });
    const all = Array.from({ length: rounds }, (_, n) => n);
    for (const { pushed, problems, unanswered } of busy.clients) {
      assertEquals({ problems, unanswered }, { problems: [], unanswered: 0 });
      // Two partitions, but each client's pushes are in one of them.
      assertEquals(pushed, all);
    }
    assertEquals((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    for (const [attack, count] of Object.entries(strikes)) assert(count > 0, attack);
  },
);

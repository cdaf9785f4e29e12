/** The client library on lines that break, and while instances are restarted. */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../src/client/mod.ts";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import { delay } from "../../src/util/delay.ts";
import { startBackend } from "../_support/service/backend.ts";
import { messagesOf } from "../_support/clients/client.ts";
import { type ProxiedConnection, startProxy } from "../_support/network/line_proxy.ts";
import { until } from "../_support/queue.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const NEVER = new AbortController().signal;

Deno.test("on a bad line 200 clients get every one of 120 broadcasts, once", async () => {
  const CLIENTS = 200;
  const BROADCASTS = 120;
  await using wss = await startWss({ settings: { CURSOR_SECONDS: "10" } });
  const running = new AbortController();
  let isStable = true;
  const breakAtRandom = async (connection: ProxiedConnection) => {
    await delay(Math.random() * 30_000, running.signal);
    if (running.signal.aborted) return;
    if (Math.random() < 0.1) connection.blackHole();
    else connection.cut();
  };
  await using proxy = startProxy({
    target: () => Number(new URL(wss.ws).port),
    hold: () => isStable ? Promise.resolve() : delay(2000, running.signal),
    onConnection: (connection) => void breakAtRandom(connection),
  });

  const delays: number[] = [];
  let frames = 0;
  const received: number[][] = [];
  const clients = Array.from({ length: CLIENTS }, () => {
    const own: number[] = [];
    received.push(own);
    const client = connect(`ws://127.0.0.1:${proxy.port}/web`, {
      token: () => "alice",
      onFrame(direction, text) {
        if (direction === "out") return;
        frames += messagesOf(text).filter(({ status }) => status === "update").length;
      },
    });
    const inbox = client.notifications<unknown, { n: number; at: number }>();
    const listed = inbox.next();
    (async () => {
      await listed;
      for await (const change of inbox) {
        if (change.kind !== "update") throw new Error(`It got a ${change.kind}`);
        own.push(change.data.n);
        delays.push(performance.now() - change.data.at);
      }
    })();
    return { client, listed };
  });
  await Promise.all(clients.map(({ listed }) => listed));
  isStable = false;
  wss.backend.forget();

  for (let n = 0; n < BROADCASTS; n++) {
    wss.publish("notification", { userId: "42", type: "a", data: { n, at: performance.now() } });
    await delay(500, NEVER);
  }
  running.abort();
  const delivered = () => received.reduce((sum, own) => sum + new Set(own).size, 0);
  await until("all is received", () => delivered() === CLIENTS * BROADCASTS, 60_000)
    // How much is missing is said below.
    .catch(() => {});
  delays.sort((a, b) => a - b);
  const at = (part: number) => `${Math.round(delays[Math.floor(delays.length * part)] ?? NaN)} ms`;
  // deno-lint-ignore no-console
  console.log(
    `delivered ${(100 * delivered() / CLIENTS / BROADCASTS).toFixed(2)} %, ` +
      `repeats dropped ${frames - delays.length}, delay 50 % ${at(0.5)}, 99 % ${at(0.99)}`,
  );
  const all = Array.from({ length: BROADCASTS }, (_, n) => n);
  for (const own of received) assertEquals(own, all);
  assertEquals(wss.backend.calls.filter(({ url }) => url.startsWith("/notification")), []);
  for (const { client } of clients) client.close();
});

Deno.test("a rolling restart moves 1,000 clients once for each instance that they were on", async () => {
  const CLIENTS = 1000;
  const log = createEmbeddedLog({ partitions: 2 });
  await using backend = startBackend({ users: { alice: "42" } });
  const start = () =>
    startWss({ log, backend, settings: { DRAIN_SECONDS: "2", BACKEND_TIMEOUT_MS: "1000" } });
  let instances: Wss[] = [await start(), await start(), await start()];
  const ready = new Set(instances);
  let turn = 0;
  let isRestarting = false;
  await using proxy = startProxy({
    target() {
      const targets = [...ready];
      return Number(new URL(targets[turn++ % targets.length]?.ws ?? "").port);
    },
  });

  /** By client: how often it was told to leave, and when, how its connections ended, what it got. */
  const states = Array.from({ length: CLIENTS }, () => ({
    told: 0,
    slotAt: 0,
    early: 0,
    ends: [] as number[],
    got: [] as number[],
  }));
  const clients = states.map((own) => {
    const client = connect(`ws://127.0.0.1:${proxy.port}/web`, {
      token: () => "alice",
      onState({ state, last }) {
        if (state === "waiting" && isRestarting) own.ends.push(last?.code ?? 0);
        if (state === "open" && performance.now() < own.slotAt) own.early++;
      },
      onFrame(direction, text) {
        if (direction === "out") return;
        const told = messagesOf(text).find(({ status }) => status === "reconnect");
        if (!told) return;
        own.told++;
        // Timers may be early by the part of a millisecond.
        own.slotAt = performance.now() + told.payload.afterMs - 2;
      },
    });
    const inbox = client.notifications<unknown, number>();
    const listed = inbox.next();
    (async () => {
      await listed;
      for await (const change of inbox) {
        if (change.kind !== "update") throw new Error(`It got a ${change.kind}`);
        own.got.push(change.data);
      }
    })();
    return { client, listed };
  });
  await Promise.all(clients.map(({ listed }) => listed));
  backend.forget();
  isRestarting = true;

  let published = 0;
  const publishing = setInterval(() => {
    const n = published++;
    instances[0]?.publish("notification", { userId: "42", type: "a", data: n }, n % 2);
  }, 100);
  let moves = 0;
  for (const old of [...instances]) {
    ready.delete(old);
    moves += old.service.sessions.size;
    await old.stop();
    const next = await start();
    ready.add(next);
    instances = [...instances.filter((instance) => instance !== old), next];
    await until(
      "all are connected",
      () => instances.reduce((sum, { service }) => sum + service.sessions.size, 0) === CLIENTS,
    );
  }
  clearInterval(publishing);
  await until("all is received", () => states.every(({ got }) => got.length === published));

  assertEquals(states.reduce((sum, { ends }) => sum + ends.length, 0), moves);
  for (const { ends, told, early } of states) {
    assertEquals([ends, early], [Array(told).fill(1012), 0]);
  }
  assert(moves >= CLIENTS, `${moves} moves`);
  const all = Array.from({ length: published }, (_, n) => n);
  for (const { got } of states) {
    assertEquals(got.toSorted((a, b) => a - b), all);
    for (const parity of [0, 1]) {
      const own = got.filter((n) => n % 2 === parity);
      assertEquals(own, own.toSorted((a, b) => a - b));
    }
  }
  assertEquals(backend.calls.filter(({ url }) => url.startsWith("/notification")), []);
  for (const { client } of clients) client.close();
  for (const instance of instances) await instance[Symbol.asyncDispose]();
});

import { assert, assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../src/dev/embedded_log.ts";
import type { LogReader } from "../src/log_reader.ts";
import { until } from "./_support/queue.ts";
import { startBackend } from "./_support/backend.ts";
import type { Client } from "./_support/client.ts";
import { createTopic, kafkaTest, withAdmin } from "./_support/kafka/topic.ts";
import { startProcess } from "./_support/process.ts";
import { connect } from "./_support/client.ts";
import { openRawSocket } from "./_support/raw_socket.ts";
import { testEnvironment } from "./_support/settings.ts";
import { startWss } from "./_support/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"] };

Deno.test("[LIFE4] each session is told its slot, served until then, and closed with 1012", async () => {
  await using wss = await startWss({ settings: { DRAIN_SECONDS: "2" } });
  const clients: Client[] = [];
  for (let i = 0; i < 4; i++) {
    const client = await wss.connect("/web", { ...V1, token: "alice" });
    await client.request("getMyNotifications", LIST);
    clients.push(client);
  }
  await using old = await wss.connect("/web", { token: "alice" });

  const startedAt = performance.now();
  const stopped = wss.stop();
  const slots: number[] = [];
  for (const client of clients) {
    const { rid, event, status, payload, cursor } = await client.next();
    assertEquals([rid, event, status, typeof cursor], [-1, "server", "reconnect", "string"]);
    slots.push(payload.afterMs);
  }
  assertEquals(slots, [200, 600, 1000, 1400]);
  const ended = await Promise.all(clients.map(async ({ ended }, i) => {
    const { code } = await ended;
    return [code, performance.now() - startedAt >= (slots[i] ?? 0) - 5];
  }));

  assertEquals(ended, Array(4).fill([1012, true]));
  // Served until its slot, at 1800 ms.
  assertEquals(
    (await old.request("getMyNotificationsCount", { ...LIST, status: "read" })).status,
    "ok",
  );
  assertEquals((await old.ended).code, 1012);
  await stopped;
});

Deno.test("[LIFE4] what runs is answered first, what comes later is shutting-down", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", V1);
  const release = wss.backend.hold("GET /tournament");
  const rid = client.ask("getTournament", { where: { id: "1" } });
  const letGo = await release();

  const stopped = wss.stop();
  assertEquals((await client.next()).status, "reconnect");
  const late = await client.request("getTournament", { where: { id: "2" } });
  letGo();

  assertEquals(late.payload.error[0].Slug, "shutting-down");
  assertEquals((await client.reply(rid)).status, "ok");
  assertEquals((await client.ended).code, 1012);
  await stopped;
});

Deno.test("[LIFE4] what a client has still to read is not cut off by the end", async () => {
  await using wss = await startWss();
  // There has been a moment without any connection.
  await (await wss.connect("/web"))[Symbol.asyncDispose]();
  await until("it is gone", () => wss.service.connections === 0);
  const socket = await openRawSocket(`${wss.ws}/mobile`);
  const list = `["${"x".repeat(7 * 1024 ** 2)}"]`;
  wss.backend.on("GET /tournament", () => new Response(list));
  await socket.request({ rid: 1, command: "getTournament", options: { where: { id: "1" } } });
  await until("it is answered", () => wss.service.slowClients.size === 1);

  const stopped = wss.stop();
  const reply = await socket.readJson();
  const close = await socket.readFrame();
  socket[Symbol.dispose]();
  await stopped;

  assertEquals(reply?.rid, 1);
  assertEquals([close?.opcode, close?.payload[0], close?.payload[1]], [8, 1012 >> 8, 1012 & 255]);
});

Deno.test("[LIFE4] a command that waits for a stuck client, or for the brokers, does not hold up the end", async () => {
  const log = createEmbeddedLog();
  const asked = Promise.withResolvers<void>();
  let isReaderStopped = false;
  const createReader = (): LogReader => {
    const reader = log.createReader();
    return {
      ...reader,
      askEnds() {
        asked.resolve();
        return new Promise(() => {});
      },
      stop() {
        isReaderStopped = true;
        return reader.stop();
      },
    };
  };
  await using ahead = await startWss({ log });
  await using wss = await startWss({ createReader, settings: { BACKEND_TIMEOUT_MS: "500" } });
  await using stack = new AsyncDisposableStack();
  const stuck = stack.use(await openRawSocket(`${wss.ws}/mobile`));
  wss.backend.on("GET /tournament", () => new Response(`["${"x".repeat(7.9 * 1024 ** 2)}"]`));
  const options = { where: { id: "1" } };
  await stuck.request({ rid: 1, command: "getTournament", options });
  await until("it is behind", () => wss.service.slowClients.size === 1);
  await stuck.request({ rid: 2, command: "getTournament", options });
  await using client = await wss.connect("/mobile");
  const cursor = ahead.service.stream.cursorAt([1000]);
  const rid = client.ask("getSchedules", {
    where: { from: 1, to: 2, timezone: "UTC" },
    since: cursor,
  });
  await asked.promise;

  await wss.stop();

  assertEquals((await client.reply(rid)).payload.error[0].Slug, "shutting-down");
  assertEquals([(await client.ended).code, isReaderStopped], [1012, true]);
});

Deno.test("[LIFE4][DEL5] who is sent away resumes elsewhere with the cursor that it was told", async () => {
  const log = createEmbeddedLog();
  await using wss = await startWss({ log });
  await using next = await startWss({ log, backend: wss.backend });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.publish("notification", { userId: "43", type: "a" });
  const stopped = wss.stop();
  const { cursor: since } = await client.next();
  await stopped;
  next.publish("notification", { userId: "42", type: "a", data: "meanwhile" });

  await using again = await next.connect("/web", { ...V1, token: "alice" });
  const { recovered } = await again.request("getMyNotifications", { ...LIST, since });

  assertEquals([recovered, (await again.next()).payload], [true, "meanwhile"]);
});

kafkaTest(
  "[LIFE4] 1,000 clients, 5 of them stuck: all others are sent away, and the end is clean",
  async () => {
    await using topic = await createTopic();
    await using backend = startBackend({ users: { alice: "42", bob: "43" } });
    const prefix = `drain-${crypto.randomUUID().slice(0, 8)}`;
    await using wss = await startProcess({
      env: {
        ...testEnvironment(backend.origin),
        ...topic.settings,
        KAFKA_GROUP_PREFIX: prefix,
        DRAIN_SECONDS: "3",
        SHUTDOWN_SECONDS: "20",
      },
    });
    const url = `ws://127.0.0.1:${await wss.port()}/web`;
    await wss.line(/Ready/);
    const clients: Client[] = [];
    while (clients.length < 995) {
      const more = Math.min(100, 995 - clients.length);
      clients.push(...await Promise.all(Array.from({ length: more }, () => connect(url, V1))));
    }
    await Promise.all(clients.map(async (client) => {
      await client.request("authentication", { authToken: "alice" });
      await client.request("getMyNotifications", LIST);
    }));
    await using stuck = new AsyncDisposableStack();
    for (let i = 0; i < 5; i++) {
      const socket = stuck.use(await openRawSocket(url));
      await socket.request({ rid: 1, command: "authentication", options: { authToken: "bob" } });
      await socket.request({ rid: 2, command: "getMyNotifications", options: LIST });
      await socket.readJson();
      await socket.readJson();
    }
    const large = { userId: "43", type: "a", data: "x".repeat(900_000) };
    for (let i = 0; i < 6; i++) await topic.produce([{ type: "notification", document: large }]);
    await topic.produce([{ type: "notification", document: { userId: "42", type: "a" } }]);
    await Promise.all(clients.map((client) => client.next()));

    wss.kill("SIGTERM");

    const slots = await Promise.all(clients.map(async (client) => {
      const { status, payload, cursor } = await client.next();
      assertEquals([status, typeof cursor], ["reconnect", "string"]);
      return payload.afterMs;
    }));
    assertEquals(
      (await Promise.all(clients.map(({ ended }) => ended))).map(({ code }) => code),
      Array(995).fill(1012),
    );
    slots.sort((a, b) => a - b);
    const gaps = slots.slice(1).map((slot, i) => slot - slots[i]);
    assert(slots[0] >= 0 && (slots.at(-1) ?? Infinity) < 3000 && Math.max(...gaps) < 25);
    assertEquals(await wss.exitCode(), 0);
    const { groups } = await withAdmin((admin) => admin.listGroups());
    assertEquals(groups.filter(({ groupId }) => groupId.startsWith(prefix)), []);
  },
);

kafkaTest("[LIFE4] a second signal ends the process at once, with 1", async () => {
  await using topic = await createTopic();
  await using backend = startBackend();
  await using wss = await startProcess({
    env: { ...testEnvironment(backend.origin), ...topic.settings, DRAIN_SECONDS: "9" },
  });
  const url = `ws://127.0.0.1:${await wss.port()}/web`;
  await wss.line(/Ready/);
  const client = await connect(url, V1);

  wss.kill("SIGTERM");
  assertEquals((await client.next()).status, "reconnect");
  wss.kill("SIGINT");

  assertEquals(await wss.exitCode(), 1);
  await client.ended;
});

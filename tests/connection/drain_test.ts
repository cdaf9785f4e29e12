import { assert, assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogReader } from "../../src/log/reader.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { until } from "../_support/queue.ts";
import { startBackend } from "../_support/service/backend.ts";
import type { Client } from "../_support/clients/client.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { MovingClient } from "../_support/clients/moving_client.ts";
import { replaceIn } from "../_support/service/changed_reader.ts";
import { startProcess } from "../_support/service/process.ts";
import { connect } from "../_support/clients/client.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { testEnvironment } from "../_support/service/settings.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const COUNT = { ...LIST, status: "read" };
const V1 = { protocols: ["wss.v1"] };
/** How many messages of 900 kB: together several times as much as the system buffers for a client. */
const LARGE = 17;

Deno.test("[LIFE4] each client is told when to leave, is served until then, and is closed with 1012", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss({ settings: { DRAIN_SECONDS: 2 } });
  const clients: Client[] = [];
  for (let i = 0; i < 4; i++) {
    const client = await wss.connect("/web", { ...V1, token: "alice" });
    await client.request("getMyNotifications", LIST);
    clients.push(client);
  }
  await using old = await wss.connect("/web", { token: "alice" });

  const stopped = wss.stop();
  const slots: number[] = [];
  for (const client of clients) {
    const { rid, event, status, payload, cursor } = await client.next();
    assertEquals([rid, event, status, typeof cursor], [-1, "server", "reconnect", "string"]);
    slots.push(payload.afterMs);
  }
  assertEquals(slots, [200, 600, 1000, 1400]);
  // A client without wss.v1 is not told its slot, which is the last one.
  let now = 0;
  for (const [i, client] of [...clients, old].entries()) {
    const slot = [...slots, 1800][i] ?? NaN;
    clock.tick(slot - 1 - now);
    assertEquals((await client.request("getMyNotificationsCount", COUNT)).status, "ok");
    clock.tick(1);
    assertEquals((await client.ended).code, 1012);
    now = slot;
  }
  await stopped;
});

Deno.test("[LIFE4] requests under way are answered first, later ones get shutting-down", async () => {
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

Deno.test("[LIFE4] the shutdown does not cut off frames that a client has not read yet", async () => {
  await using wss = await startWss();
  // Before that, there is a moment without any connection.
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

Deno.test("[LIFE4] a command that waits for a stuck client or for the brokers does not delay the shutdown", async () => {
  const log = createEmbeddedLog();
  const asked = Promise.withResolvers<void>();
  let isReaderStopped = false;
  const createReader = (): LogReader => {
    const reader = log.createReader();
    return replaceIn(reader, {
      askEnds() {
        asked.resolve();
        return new Promise(() => {});
      },
      stop() {
        isReaderStopped = true;
        return reader.stop();
      },
    });
  };
  await using ahead = await startWss({ log });
  await using wss = await startWss({ createReader, settings: { BACKEND_TIMEOUT_MS: 500 } });
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

Deno.test("[LIFE4][DEL5] a client that is sent away resumes on another instance with the cursor that it got", async () => {
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
  "[LIFE4][DEL5] of 1,000 clients 5 are stuck: the others resume on another instance and miss nothing, and the process ends with 0",
  async () => {
    await using topic = await createTopic();
    await using backend = startBackend({ users: { alice: "42", bob: "43" } });
    await using nextBackend = startBackend({ users: { alice: "42" } });
    const settings = {
      ...topic.env,
      DRAIN_SECONDS: "3",
      SHUTDOWN_SECONDS: "20",
      // So that stuck clients are still connected when the shutdown begins.
      SLOW_TIMEOUT_SECONDS: "60",
    };
    await using wss = await startProcess({
      env: { ...testEnvironment(backend.origin), ...settings },
    });
    await using next = await startProcess({
      env: { ...testEnvironment(nextBackend.origin), ...settings },
    });
    const url = `ws://127.0.0.1:${await wss.port()}/web`;
    const nextUrl = `ws://127.0.0.1:${await next.port()}/web`;
    await Promise.all([wss.line(/Ready/), next.line(/Ready/)]);

    await using stack = new AsyncDisposableStack();
    const stuck = [];
    for (let i = 0; i < 5; i++) {
      const socket = stack.use(await openRawSocket(url));
      await socket.request({ rid: 1, command: "authentication", options: { authToken: "bob" } });
      await socket.request({ rid: 2, command: "getMyNotifications", options: LIST });
      await socket.readJson();
      await socket.readJson();
      stuck.push(socket);
    }
    const clients = Array.from({ length: 995 }, () => stack.use(new MovingClient("alice")));
    for (let i = 0; i < clients.length; i += 100) {
      await Promise.all(clients.slice(i, i + 100).map((client) => client.subscribe(url)));
    }
    // One client that stays connected, and gets everything.
    const witness = stack.use(new MovingClient("alice"));
    await witness.subscribe(nextUrl);
    nextBackend.forget();

    const publish = (userId: string, data: unknown) =>
      topic.produce([{ type: "notification", document: { userId, type: "a", data } }]);
    for (let i = 0; i < LARGE; i++) await publish("43", "x".repeat(900_000));
    await publish("42", 0);
    await Promise.all([...clients, witness].map((client) => client.untilPushed(0)));
    let isOver = false;
    const publishing = (async () => {
      for (let n = 1; !isOver; n++) {
        await publish("42", n);
        await witness.untilPushed(n);
      }
      await publish("42", "the end");
    })();

    wss.kill("SIGTERM");
    const moving = Promise.all(clients.map(async (client) => {
      const code = await client.untilClosed();
      const { recovered } = await client.subscribe(nextUrl);
      return { code, recovered };
    })).finally(() => isOver = true);
    const [moves] = await Promise.all([moving, publishing]);
    await Promise.all([...clients, witness].map((client) => client.untilPushed("the end")));

    assertEquals(moves, Array(995).fill({ code: 1012, recovered: true }));
    assertEquals(nextBackend.calls.filter(({ url }) => !url.startsWith("/user")), []);
    const numbers = witness.pushed.map(({ payload }) => payload);
    assertEquals(numbers, [...numbers.slice(1).keys(), "the end"]);
    assertEquals(new Set(witness.pushed.map(({ id }) => id)).size, numbers.length);
    for (const { pushed } of clients) assertEquals(pushed, witness.pushed);
    const slots = clients.map(({ slotMs = NaN }) => slotMs).sort((a, b) => a - b);
    const gaps = slots.slice(1).map((slot, i) => slot - (slots[i] ?? NaN));
    assert(Math.min(...slots) >= 0 && Math.max(...slots) < 3000 && Math.max(...gaps) < 25);
    assertEquals(await wss.exitCode(), 0);
    for (const socket of stuck) {
      const opcodes = [];
      for (let frame; (frame = await socket.readFrame());) opcodes.push(frame.opcode);
      assert(opcodes.length < LARGE && opcodes.every((opcode) => opcode === 1), `${opcodes}`);
    }
  },
);

kafkaTest(
  "[LIFE4] Ctrl-C that both the terminal and deno task pass on counts as one signal",
  async () => {
    await using topic = await createTopic();
    await using backend = startBackend();
    await using wss = await startProcess({
      env: { ...testEnvironment(backend.origin), ...topic.env, DRAIN_SECONDS: "1" },
    });
    const url = `ws://127.0.0.1:${await wss.port()}/web`;
    await wss.line(/Ready/);
    const client = await connect(url, V1);

    wss.kill("SIGINT");
    assertEquals((await client.next()).status, "reconnect");
    wss.kill("SIGINT");

    assertEquals(await wss.exitCode(), 0);
    await client.ended;
  },
);

kafkaTest("[LIFE4] a second signal ends the process at once with 1", async () => {
  await using topic = await createTopic();
  await using backend = startBackend();
  await using wss = await startProcess({
    env: { ...testEnvironment(backend.origin), ...topic.env, DRAIN_SECONDS: "9" },
  });
  const url = `ws://127.0.0.1:${await wss.port()}/web`;
  await wss.line(/Ready/);
  const client = await connect(url, V1);

  wss.kill("SIGTERM");
  assertEquals((await client.next()).status, "reconnect");
  wss.kill("SIGINT");

  await wss.line(/One more signal/);
  assertEquals(await wss.exitCode(), 1);
  await client.ended;
});

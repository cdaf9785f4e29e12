import { assert, assertEquals } from "@std/assert";
import { createTopic, kafkaTest } from "./_support/kafka/topic.ts";
import { startBackend } from "./_support/backend.ts";
import { memoryOf, startProcess } from "./_support/process.ts";
import { until } from "./_support/queue.ts";
import { clientFrame, openQuickSocket } from "./_support/quick_socket.ts";
import { testEnvironment } from "./_support/settings.ts";
import { startWss } from "./_support/wss.ts";

const AT_ONCE = 1000;
const SUBSCRIBE = [
  { rid: 1, command: "authentication", options: { authToken: "alice" } },
  { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
].map((request) => clientFrame(JSON.stringify(request)));
const SLOW = clientFrame('{"rid":3,"command":"getTournament","options":{"where":{"id":"slow"}}}');

/** How a connection may end, after it has subscribed. */
const ENDS: ((conn: Deno.Conn) => Promise<void> | void)[] = [
  // By a close frame, and waiting for the answer.
  async (conn) => {
    await conn.write(clientFrame("", 8));
    while (await conn.read(new Uint8Array(1000)).catch(() => null) !== null);
    conn.close();
  },
  // Without a word.
  (conn) => conn.close(),
  // In the middle of a frame.
  async (conn) => {
    await conn.write(SLOW.subarray(0, 20));
    conn.close();
  },
  // In the middle of a command.
  async (conn) => {
    await conn.write(SLOW);
    conn.close();
  },
  // With a reset: what has come is not read.
  async (conn) => {
    await conn.write(SUBSCRIBE[1] ?? SLOW);
    await conn.write(clientFrame('{"rid":9}'));
    conn.close();
  },
];

/** Opens connections, subscribes, and ends them in every way. */
async function churn(port: number, count: number): Promise<void> {
  let started = 0;
  const worker = async () => {
    while (started < count) {
      const end = ENDS[started++ % ENDS.length];
      const socket = await openQuickSocket({ port, path: "/mobile", frames: SUBSCRIBE });
      await socket.readUntil('"rid":2');
      await end?.(socket.conn);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

Deno.test("[LIFE3] 5,000 connections that end in every way leave nothing behind", async () => {
  await using wss = await startWss({ settings: { PING_SECONDS: "1" } });
  wss.backend.hold("GET /tournament");
  const { service } = wss;
  const { port } = service.address;
  // A few that are silent from then on, and are found out by a ping.
  const silent = await Promise.all(
    Array.from({ length: 20 }, () => openQuickSocket({ port, frames: SUBSCRIBE })),
  );

  await churn(port, 5000);

  await until("all are gone", () => service.connections === 0);
  assertEquals([service.sessions.size, service.reloads.size, service.revalidation.size], [0, 0, 0]);
  assertEquals(service.sessions.indexSizes(), { keys: 0, users: 0 });
  assertEquals(service.slowClients.size, 0);
  for (const { conn } of silent) conn.close();
});

kafkaTest(
  "[LIFE3] 50,000 connections that come and go take no more memory than 5,000",
  async () => {
    await using topic = await createTopic();
    await using backend = startBackend({ users: { alice: "42" } });
    backend.hold("GET /tournament");
    await using wss = await startProcess({
      env: { ...testEnvironment(backend.origin), ...topic.settings },
    });
    const port = await wss.port();
    await wss.line(/Ready/);

    await churn(port, 5000);
    const first = await memoryOf(wss.pid);
    await churn(port, 45_000);
    const last = await memoryOf(wss.pid);

    assert(last < 1.1 * first, `${first} MiB, and then ${last} MiB`);
    assertEquals(wss.complaints, []);
  },
);

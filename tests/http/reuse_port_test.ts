import { assert, assertEquals } from "@std/assert";
import { freePort } from "../_support/network/free_port.ts";
import { createAdminClient } from "../_support/service/admin.ts";
import { startBackend } from "../_support/service/backend.ts";
import { type Client, connect } from "../_support/clients/client.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const LIST = { where: { types: [] } };
/** Upgrades at the same time; the kernel's queue of new connections has room for so many. */
const UPGRADES = 100;

function notification(data: unknown) {
  return { type: "notification", document: { userId: "42", type: "message", data } };
}

/** Connects clients of one user and subscribes them. */
async function connectMany(url: string, count: number) {
  const clients: Client[] = [];
  while (clients.length < count) {
    const more = Array.from({ length: Math.min(UPGRADES, count - clients.length) }, async () => {
      const client = await connect(url, { token: "alice" });
      await client.request("getMyNotifications", LIST);
      return client;
    });
    clients.push(...await Promise.all(more));
  }
  return {
    clients,
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    },
  };
}

Deno.test("processes with REUSE_PORT share a port; a process without it ends with 1 and says why", async () => {
  const env = { ...testEnvironment("http://127.0.0.1"), REUSE_PORT: "true" };
  await using one = await startProcess({ env });
  const port = await one.port();
  await using two = await startProcess({ env: { ...env, PORT: String(port) } });
  await using other = await startProcess({
    env: { ...env, PORT: String(port), REUSE_PORT: "false" },
  });

  assertEquals(await two.port(), port);
  assertEquals(await other.exitCode(), 1);
  const { message } = JSON.parse(other.said.concat(other.complaints).join(""));
  assert(message.startsWith(`Cannot listen on 127.0.0.1:${port}: AddrInUse`), message);
});

kafkaTest(
  "3 processes on one port share 300 clients, and each client gets every push once",
  async () => {
    await using topic = await createTopic({ partitions: 3 });
    await using backend = startBackend({ users: { alice: "42" } });
    const env = { ...testEnvironment(backend.origin), ...topic.env, REUSE_PORT: "true" };
    const adminPorts = [freePort(), freePort(), freePort()];
    const own = (i: number) => ({ INSTANCE_ID: `wss-${i}`, ADMIN_PORT: String(adminPorts[i]) });
    await using first = await startProcess({ env: { ...env, ...own(0) } });
    const port = await first.port();
    const others = { ...env, PORT: String(port) };
    await using second = await startProcess({ env: { ...others, ...own(1) } });
    await using third = await startProcess({ env: { ...others, ...own(2) } });
    await Promise.all([first, second, third].map((wss) => wss.line(/Ready/)));
    await using all = await connectMany(`ws://127.0.0.1:${port}/web`, 300);
    const { clients } = all;
    const parts = await Promise.all(adminPorts.map((port) => {
      const admin = createAdminClient(`http://127.0.0.1:${port}`);
      return admin.metric({ name: "wss_connections" });
    }));
    assertEquals(parts.reduce((sum, part) => sum + part), 300);
    assert(Math.min(...parts) > 50, `${parts}`);

    const ids: string[] = [];
    for (let n = 0; n < 10; n++) {
      for (const partition of [0, 1, 2]) {
        await topic.produce([notification(n)], { partition });
        ids.push(`${partition}-${n}`);
      }
    }
    await Promise.all(clients.map(async (client) => {
      const got = [];
      while (got.length < ids.length) got.push((await client.next()).id);
      assertEquals(got.toSorted(), ids.toSorted());
    }));

    // One process ends. Its clients are closed, and the others go on.
    first.kill();
    assertEquals(await first.exitCode(), 0);
    await topic.produce([notification("after")], { partition: 0 });
    const left = await Promise.all(clients.map(async (client) => {
      const after = await client.next().catch(() => null);
      if (after) assertEquals(after.payload, "after");
      else assertEquals((await client.ended).code, 1012);
      return after !== null;
    }));
    assertEquals(left.filter(Boolean).length, 300 - (parts[0] ?? NaN));
    const quiet = clients.filter((_, i) => left[i]).map((client) => client.pushesUntilIdle());
    assertEquals((await Promise.all(quiet)).flat(), []);
  },
);

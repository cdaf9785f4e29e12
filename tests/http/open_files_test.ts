import { assert, assertEquals } from "@std/assert";
import { connect } from "../_support/clients/client.ts";
import { freePort } from "../_support/network/free_port.ts";
import { until } from "../_support/queue.ts";
import { createAdminClient } from "../_support/service/admin.ts";
import { startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const LIST = { where: { types: [] } };
const MAX_FILES = 100;
const partUp = (part: string) => ({ name: "wss_part_up", labels: { part } });

/** Connections that send nothing, as many as can be had. */
async function connectSilently(port: number, count: number) {
  const conns: Deno.Conn[] = [];
  for (let i = 0; i < count; i++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
    if (conn) conns.push(conn);
  }
  return {
    [Symbol.dispose]() {
      for (const conn of conns.splice(0)) conn.close();
    },
  };
}

/** Whether a server accepts a connection and answers on it. */
async function isServed(port: number, path = "/healthz"): Promise<boolean> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
  if (!conn) return false;
  using _conn = conn;
  const request = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`;
  try {
    await conn.write(new TextEncoder().encode(request));
    const answer = new Uint8Array(15);
    await conn.read(answer);
    return new TextDecoder().decode(answer) === "HTTP/1.1 200 OK";
  } catch {
    return false;
  }
}

for (const target of ["clients_port", "admin_port"] as const) {
  Deno.test(`out of files, ${target} is down and says so, sessions stay, and it comes back`, async () => {
    const adminPort = freePort();
    await using wss = await startProcess({
      task: "dev",
      maxFiles: MAX_FILES,
      env: {
        NODE_ENV: "testing",
        PORT: "0",
        ADMIN_PORT: String(adminPort),
        MAX_CONNECTIONS: "20",
        REQUEST_POOL_SIZE: "10",
      },
    });
    const port = await wss.port();
    await wss.line(/Ready/);
    const url = `ws://127.0.0.1:${port}/web`;
    await using client = await connect(url, { token: "alice-token" });
    assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
    // One connection, which is kept.
    const admin = createAdminClient(`http://127.0.0.1:${adminPort}`);
    assertEquals((await admin.request("/readyz")).status, 200);

    const attacked = target === "clients_port" ? port : adminPort;
    const attack = await connectSilently(attacked, MAX_FILES);
    await wss.line(/port is down: Too many open files/);
    const { status, body } = await admin.request("/readyz");
    assertEquals(await admin.metric(partUp(target)), 0);
    if (target === "clients_port") {
      assertEquals([status, body], [503, { ready: false, missing: ["clients_port"] }]);
    }
    const nothing = { ids: [], action: "unsubscribe" };
    assertEquals((await client.request("subscription", nothing)).status, "ok");

    attack[Symbol.dispose]();
    await until("it answers again", () => isServed(attacked));
    await until("it is up", async () => await admin.metric(partUp(target)) === 1);

    assertEquals((await admin.request("/readyz")).status, 200);
    await until("clients are served", () => isServed(port));
    await using other = await connect(url, { token: "alice-token" });
    assertEquals((await other.request("getMyNotifications", LIST)).status, "ok");
    assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
    wss.kill();
    assertEquals(await wss.exitCode(), 0);
    const told = wss.complaints.map((line) => JSON.parse(line)).filter(({ part }) =>
      part === target
    );
    assertEquals(told.map(({ level, reason }) => [level, reason]), [
      ["error", "Too many open files (os error 24)"],
    ]);
  });
}

Deno.test("connections that send no request take files, which wss_spare_files shows and wss_connections does not", async () => {
  const adminPort = freePort();
  await using wss = await startProcess({
    task: "dev",
    maxFiles: MAX_FILES,
    env: { NODE_ENV: "testing", PORT: "0", ADMIN_PORT: String(adminPort) },
  });
  const port = await wss.port();
  await wss.line(/Ready/);
  const admin = createAdminClient(`http://127.0.0.1:${adminPort}`);
  const before = await admin.metric({ name: "wss_spare_files" });

  using _silent = await connectSilently(port, 20);

  await until("their files are missing", async () => {
    return await admin.metric({ name: "wss_spare_files" }) <= before - 20;
  });
  assertEquals(await admin.metric({ name: "wss_connections" }), 0);
});

Deno.test("the start warns if fewer files may be opened than the settings may need", async () => {
  const env = testEnvironment("http://127.0.0.1");
  await using few = await startProcess({
    maxFiles: MAX_FILES,
    env: { ...env, MAX_CONNECTIONS: "500", REQUEST_POOL_SIZE: "10" },
  });
  const { message, spare, needed, level } = JSON.parse(await few.line(/may open only/));
  assertEquals([level, needed], ["warning", 500 + 4 * 10 + 200]);
  assert(spare > 50 && spare < MAX_FILES, `${spare} files`);
  assert(
    message.startsWith(`The process may open only ${spare} more files, but MAX_CONNECTIONS (500)`),
  );

  await using enough = await startProcess({
    maxFiles: 1000,
    env: { ...env, MAX_CONNECTIONS: "500", REQUEST_POOL_SIZE: "10" },
  });
  await enough.line(/Listening/);
  assertEquals(enough.complaints.filter((line) => line.includes("may open only")), []);
});

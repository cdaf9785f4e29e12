import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { churn, SUBSCRIBE } from "../_support/memory/churn.ts";
import { until } from "../_support/queue.ts";
import { openQuickSocket } from "../_support/clients/quick_socket.ts";
import { startWss } from "../_support/service/wss.ts";

Deno.test("[LIFE3] 5,000 connections that end in every way leave nothing behind", async () => {
  await using wss = await startWss({ settings: { PING_SECONDS: "1" } });
  wss.backend.hold("GET /tournament");
  const { service } = wss;
  const { port } = service.address;
  // A few clients that stay silent, and are closed because they do not answer a ping.
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

Deno.test("[LIFE3] the heap is no larger after 50,000 connections than after 5,000", async () => {
  const script = fileURLToPath(new URL("../_support/memory/measure_churn.ts", import.meta.url));
  const permissions = ["--allow-net", "--allow-env", "--allow-read", "--allow-sys"];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...permissions, "--v8-flags=--expose-gc", script],
  }).output();

  const text = new TextDecoder().decode(stdout);
  assert(text, new TextDecoder().decode(stderr));
  const [first, last] = JSON.parse(text);
  assert(last < 1.1 * first, `${first} MiB, and then ${last} MiB`);
});

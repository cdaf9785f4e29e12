/** Connections that come and go; tests/load looks at the heap. */
import { assertEquals } from "@std/assert";
import { churn, SUBSCRIBE } from "../_support/memory/churn.ts";
import { until } from "../_support/queue.ts";
import { openQuickSocket } from "../_support/clients/quick_socket.ts";
import { startWss } from "../_support/service/wss.ts";

Deno.test("[LIFE3] 5,000 connections that end in every way leave nothing behind", async () => {
  await using wss = await startWss({ settings: { PING_SECONDS: 1 } });
  wss.backend.hold("GET /tournament");
  const { service } = wss;
  const { port } = service.address;
  // A few clients that stay silent, and are closed because they do not answer a ping.
  const silent = await Promise.all(
    Array.from({ length: 20 }, () => openQuickSocket({ port, frames: SUBSCRIBE })),
  );

  await churn(port, 5000);

  await until("all are gone", () => service.connections === 0);
  assertEquals({
    sessions: service.sessions.size,
    reloads: service.reloads.size,
    revalidation: service.revalidation.size,
  }, { sessions: 0, reloads: 0, revalidation: 0 });
  assertEquals(service.sessions.indexSizes(), { keys: 0, users: 0 });
  assertEquals(service.slowClients.size, 0);
  for (const { conn } of silent) conn.close();
});

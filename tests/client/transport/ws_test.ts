/** The client library with the sockets of the package `ws`, whose unheard errors end a process. */
import { assertEquals } from "@std/assert";
import WebSocket from "ws";
import { fakeTimeouts } from "../../_support/clock.ts";
import { connectClient } from "../../_support/clients/library_client.ts";
import { freePort } from "../../_support/network/free_port.ts";
import { startSilentServer } from "../../_support/network/silent_server.ts";
import { until } from "../../_support/queue.ts";
import { startWss } from "../../_support/service/wss.ts";

Deno.test("a client uses the sockets that it is given", async () => {
  await using wss = await startWss();
  using client = connectClient(`${wss.ws}/web`, { token: () => "alice", WebSocket });
  const inbox = client.notifications();
  assertEquals((await inbox.next()).value.kind, "list");
  wss.publish("notification", { userId: "42", type: "a", data: 1 });
  assertEquals((await inbox.next()).value, { kind: "update", data: 1 });
});

Deno.test("a client may be closed while its socket of ws is opening", async () => {
  await using server = await startSilentServer();
  const client = connectClient(`ws://${server.address}/web`, { WebSocket });
  await until("it is connected", () => server.connections.size === 1);
  client.close();
  await until("the socket is closed", () => server.connections.size === 0);
});

Deno.test("a client with sockets of ws tries again after 20 s without an answer", async () => {
  await using server = await startSilentServer();
  using clock = fakeTimeouts();
  const client = connectClient(`ws://${server.address}/web`, { WebSocket });
  await until("it is connected", () => server.connections.size === 1);
  clock.tick(20_000);
  const { last } = await client.until("waiting");
  assertEquals(last, { code: 1006, reason: "The connection did not open in time" });
  await until("the socket is closed", () => server.connections.size === 0);
  client.close();
});

Deno.test("a client with sockets of ws waits if nothing listens", async () => {
  const client = connectClient(`ws://127.0.0.1:${freePort()}/web`, { WebSocket });
  const { last } = await client.until("waiting");
  assertEquals(last?.code, 1006);
  client.close();
});

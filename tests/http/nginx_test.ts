import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import served from "../../src/http/client_bundle.json" with { type: "json" };
import { connect } from "../_support/clients/client.ts";
import { nginxTest, startNginx } from "../_support/network/nginx.ts";
import { deadline, until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

nginxTest("behind nginx, a client connects and gets pushes", async () => {
  await using wss = await startWss();
  await using nginx = await startNginx({ wssPort: wss.service.address.port });
  await using client = await connect(`${nginx.ws}/web`, { protocols: ["wss.v1"], token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);

  wss.publish("notification", { userId: "42", type: "a", data: "new" });

  const push = await client.next();
  assertEquals({ protocol: client.socket.protocol, event: push.event, payload: push.payload }, {
    protocol: "wss.v1",
    event,
    payload: "new",
  });
});

nginxTest("behind nginx, the client library can be loaded", async () => {
  await using wss = await startWss();
  await using nginx = await startNginx({ wssPort: wss.service.address.port });
  const response = await fetch(`${nginx.ws.replace("ws:", "http:")}/client.js`);
  assertEquals([response.status, await response.text()], [200, served]);
});

nginxTest("[LIM1] behind nginx, a client's address is the one that nginx sees", async () => {
  await using wss = await startWss({
    settings: { TRUST_PROXY: true, MAX_CONNECTIONS_PER_IP: 1 },
  });
  await using nginx = await startNginx({ wssPort: wss.service.address.port });
  await using _client = await connect(`${nginx.ws}/web`);

  for (const name of ["x-forwarded-for", "x-real-ip"]) {
    using forged = await openRawSocket(`${nginx.ws}/web`, { [name]: "10.0.0.1" });
    assert(forged.head.startsWith("HTTP/1.1 503 "), forged.head);
  }
});

nginxTest(
  "[NET4] behind nginx with auth_basic, a long token as a subprotocol logs in",
  async () => {
    const token = "t".repeat(20_000);
    await using wss = await startWss({ users: { [token]: "42" } });
    for (const header of ["", `proxy_set_header Authorization "";`]) {
      await using nginx = await startNginx({
        wssPort: wss.service.address.port,
        replace: { "proxy_read_timeout 75s;": `proxy_read_timeout 75s; ${header}` },
      });
      using browser = await openRawSocket(`${nginx.ws}/web`, {
        authorization: "Basic c2l0ZTpwYXNzd29yZA==",
        "sec-websocket-protocol": `wss.v1, bearer.${Buffer.from(token).toString("base64url")}`,
      });
      await browser.request({ rid: 1, command: "getMyNotifications", options: LIST });
      assertEquals((await browser.readJson())?.status, "ok");
    }
  },
);

nginxTest("[NET3] behind nginx, the origin under which clients reach it is allowed", async () => {
  await using wss = await startWss({ settings: { ALLOWED_ORIGINS: ["https://app.example.com"] } });
  await using nginx = await startNginx({ wssPort: wss.service.address.port });
  for (const [origin, status] of [[nginx.http, 101], [wss.http, 403]] as const) {
    using client = await openRawSocket(`${nginx.ws}/web`, { origin });
    assert(client.head.startsWith(`HTTP/1.1 ${status} `), client.head);
  }
});

nginxTest("[LIFE1] behind nginx, pings keep a quiet client connected", async () => {
  await using wss = await startWss({ settings: { PING_SECONDS: 1 } });
  await using nginx = await startNginx({
    wssPort: wss.service.address.port,
    replace: { "proxy_read_timeout 75s": "proxy_read_timeout 2s" },
  });
  using quiet = await openRawSocket(`${nginx.ws}/web`);

  // One ping per second of silence, for longer than twice nginx's timeout.
  for (let pings = 0; pings < 5; pings++) {
    const ping = await quiet.readFrame();
    assertEquals(ping?.opcode, 9);
    await quiet.sendFrame(ping?.payload ?? new Uint8Array(), { opcode: 10 });
  }

  await quiet.request({ rid: 1, command: "authentication", options: {} });
  assertEquals((await quiet.readJson())?.status, "ok");
});

nginxTest("nginx closes a connection that sends no request", async () => {
  await using wss = await startWss();
  await using nginx = await startNginx({
    wssPort: wss.service.address.port,
    replace: { "client_header_timeout 10s": "client_header_timeout 1s" },
  });
  using silent = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(nginx.http).port),
  });
  assertEquals(await deadline("its end", silent.read(new Uint8Array(1))), null);
});

nginxTest("nginx closes the connection of a client that reads nothing", async () => {
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 600 } });
  await using nginx = await startNginx({
    wssPort: wss.service.address.port,
    replace: { "send_timeout 60s": "send_timeout 2s" },
  });
  using stuck = await openRawSocket(`${nginx.ws}/web`);
  await stuck.request({ rid: 1, command: "authentication", options: { authToken: "alice" } });
  await stuck.request({ rid: 2, command: "getMyNotifications", options: LIST });
  await stuck.readJson();
  await stuck.readJson();

  const text = "x".repeat(500_000);
  for (let n = 0; n < 60; n++) {
    wss.publish("notification", { userId: "42", type: "a", data: text });
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  await until("its socket is gone", () => wss.service.connections === 0);
});

/** The client library behind a proxy that lets no WebSocket through. */
import { assertEquals } from "@std/assert";
import { connectClient } from "../../_support/clients/library_client.ts";
import { freePort } from "../../_support/network/free_port.ts";
import { nginxTest, startNginx } from "../../_support/network/nginx.ts";
import { fakeRandom } from "../../_support/random.ts";
import { startWss } from "../../_support/service/wss.ts";

nginxTest(
  "behind a proxy that strips Upgrade, the state says after two handshakes that WebSockets are blocked",
  async () => {
    using _random = fakeRandom(0.1);
    await using wss = await startWss();
    const wssPort = Number(new URL(wss.http).port);
    await using nginx = await startNginx({
      wssPort,
      replace: { "proxy_set_header Upgrade $http_upgrade;": "" },
    });
    const client = connectClient(`${nginx.ws}/web`);
    const blocked: boolean[] = [];
    while (!blocked.at(-1)) blocked.push((await client.until("waiting")).blocked);
    assertEquals(blocked.slice(0, 2), [false, false]);
    client.close();
  },
);

Deno.test("where nothing answers, or something else does, WebSockets are not called blocked", async () => {
  using _random = fakeRandom(0);
  await using other = Deno.serve({ port: 0, onListen() {} }, () => new Response("Log in"));
  for (const port of [freePort(), other.addr.port]) {
    const client = connectClient(`ws://127.0.0.1:${port}/web`);
    for (let tries = 0; tries < 5; tries++) {
      assertEquals((await client.until("waiting")).blocked, false);
    }
    client.close();
  }
});

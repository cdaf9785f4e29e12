import { assert, assertEquals } from "@std/assert";
import { startChromium } from "../_support/browser/chromium.ts";
import { nginxTest, startNginx } from "../_support/network/nginx.ts";
import { startProxy } from "../_support/network/proxy.ts";
import { startWss } from "../_support/service/wss.ts";

nginxTest(
  "in a browser behind a proxy that strips Upgrade, everything works over HTTP",
  async () => {
    await using wss = await startWss();
    await using nginx = await startNginx({
      wssPort: Number(new URL(wss.http).port),
      replace: { "proxy_set_header Upgrade $http_upgrade;": "" },
    });
    await using browser = await startChromium();
    const page = await browser.newPage();
    await page.goto(`${nginx.http}/web`);

    await page.evaluate(`(async () => {
    const { connect } = await import("/client.js");
    globalThis.client = connect(location.href.replace("http", "ws"), { token: () => "alice" });
    globalThis.inbox = client.notifications();
  })()`);
    const next = () => page.evaluate("inbox.next().then(({ value }) => value)");
    assertEquals((await next() as { kind: string }).kind, "list");
    assertEquals(await page.evaluate("client.state.transport"), "http");
    wss.publish("notification", { userId: "42", type: "a", data: "pushed" });
    assertEquals(await next(), { kind: "update", data: "pushed" });
    await page.evaluate('client.markAs("read", ["1"])');
    const put = wss.backend.calls.find(({ method }) => method === "PUT");
    assertEquals([put?.authorization, put?.body], ["alice", '{"ids":["1"],"status":"read"}']);
  },
);

Deno.test("a page that is shown again notices a dead connection within 5 s", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  await using browser = await startChromium();
  const page = await browser.newPage();
  await page.goto(`${wss.http}/web`);
  await page.evaluate(`(async () => {
    const { connect } = await import("/client.js");
    await new Promise((opened) => {
      globalThis.client = connect("${proxy.ws}/web", { onState: ({ state }) => state === "open" && opened() });
    });
  })()`);
  proxy.swallow();

  const ms = await page.evaluate(`(async () => {
    const shownAt = performance.now();
    document.dispatchEvent(new Event("visibilitychange"));
    while (client.state.state === "open") await new Promise((resolve) => setTimeout(resolve, 50));
    client.close();
    return performance.now() - shownAt;
  })()`);
  assert(Number(ms) < 5000, `${ms} ms`);
});

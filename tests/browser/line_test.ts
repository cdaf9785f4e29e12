import { assert, assertEquals } from "@std/assert";
import { startChromium } from "../_support/browser/chromium.ts";
import { nginxTest, startNginx } from "../_support/network/nginx.ts";
import { startProxy } from "../_support/network/proxy.ts";
import { startWss } from "../_support/service/wss.ts";

nginxTest(
  "in a browser behind a proxy that strips Upgrade, the state says that WebSockets are blocked",
  async () => {
    await using wss = await startWss();
    await using nginx = await startNginx({
      wssPort: Number(new URL(wss.http).port),
      replace: { "proxy_set_header Upgrade $http_upgrade;": "" },
    });
    await using browser = await startChromium();
    const page = await browser.newPage();
    await page.goto(`${nginx.http}/web`);

    const state = await page.evaluate(`(async () => {
    const { connect } = await import("/client.js");
    return await new Promise((resolve) => {
      const client = connect(location.href.replace("http", "ws"), {
        onState(state) {
          if (!state.blocked) return;
          resolve(state.state);
          client.close();
        },
      });
    });
  })()`);
    assertEquals(state, "waiting");
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

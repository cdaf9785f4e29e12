import { assert, assertEquals } from "@std/assert";
import served from "../../src/http/client_bundle.json" with { type: "json" };
import { startWss } from "../_support/service/wss.ts";

Deno.test("/client.js has the client library, for pages of any origin", async () => {
  await using wss = await startWss({ settings: { ALLOWED_ORIGINS: ["https://example.com"] } });
  const response = await fetch(`${wss.http}/client.js`, {
    headers: { origin: "https://other.example" },
  });
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/javascript; charset=utf-8");
  assertEquals(response.headers.get("access-control-allow-origin"), "*");
  assertEquals(response.headers.get("cache-control"), "public, max-age=300");
  assertEquals(await response.text(), served);
});

Deno.test("/client.js is sent once: a client that has it gets 304", async () => {
  await using wss = await startWss();
  const ask = async (headers: Record<string, string>, method = "GET") => {
    const response = await fetch(`${wss.http}/client.js`, { headers, method });
    return { response, text: await response.text() };
  };
  for (const encoding of ["identity", "gzip"]) {
    const { response } = await ask({ "accept-encoding": encoding });
    const etag = response.headers.get("etag") ?? "";
    assert(/^(W\/)?"[\w-]{22}"$/.test(etag), etag);
    for (const known of [etag, `"other", ${etag}`, "*"]) {
      const again = await ask({ "if-none-match": known, "accept-encoding": encoding });
      assertEquals([again.response.status, again.text], [304, ""], known);
    }
    assertEquals((await ask({ "if-none-match": '"other"' })).response.status, 200);
  }
  const head = await ask({}, "HEAD");
  assertEquals([head.response.status, head.text], [200, ""]);
  const post = await ask({}, "POST");
  assertEquals([post.response.status, post.response.headers.get("allow")], [405, "GET, HEAD"]);
});

import { assert, assertEquals } from "@std/assert";
import { Admission } from "../../src/http/admission.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { settingsOf, testEnvironment } from "../_support/service/settings.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

/** The HTTP status of an upgrade. */
async function statusOf(wss: Wss, headers: Record<string, string> = {}) {
  using socket = await openRawSocket(`${wss.ws}/web`, headers);
  return Number(socket.head.split(" ")[1]);
}

Deno.test("[NET3] an origin that is not in the list is refused with 403, a request without an origin is allowed", async () => {
  await using wss = await startWss({
    settings: { ALLOWED_ORIGINS: ["https://app.example.com", "https://*.example.org:8443"] },
  });
  for (
    const [origin, status] of [
      ["https://app.example.com", 101],
      ["https://a.b.example.org:8443", 101],
      ["http://app.example.com", 403],
      ["https://app.example.com:444", 403],
      ["https://app.example.com.evil.test", 403],
      ["https://evil.test/.example.org:8443", 403],
      ["https://evil.test#.example.org:8443", 403],
      ["https://evilexample.org:8443", 403],
      ["https://.example.org:8443", 403],
      ["https://user@a.example.org:8443", 403],
      ["null", 403],
      ["", 403],
    ] as const
  ) {
    assertEquals(await statusOf(wss, { origin }), status, origin);
  }
  assertEquals(await statusOf(wss), 101);
});

Deno.test("[NET3] apps, extensions and files have origins of their own schemes, which are compared as a whole", async () => {
  const allowed = [
    "capacitor://localhost",
    "tauri://localhost",
    "ionic://localhost",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "file://",
    "null",
  ];
  const { ALLOWED_ORIGINS } = settingsOf({
    ...testEnvironment("http://127.0.0.1"),
    ALLOWED_ORIGINS: allowed.join(","),
  });
  await using wss = await startWss({ settings: { ALLOWED_ORIGINS } });
  for (const origin of allowed) assertEquals(await statusOf(wss, { origin }), 101, origin);
  for (
    const origin of [
      "capacitor://localhost:1",
      "capacitor://localhost.example",
      "http://localhost",
      "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba",
      "file:///etc",
      "https://null",
    ]
  ) {
    assertEquals(await statusOf(wss, { origin }), 403, origin);
  }
});

Deno.test("[NET3] the origin of the service itself is always allowed, by host and port", async () => {
  await using wss = await startWss({ settings: { ALLOWED_ORIGINS: ["https://app.example.com"] } });
  for (
    const [host, origin, status] of [
      ["example.org", "https://example.org", 101],
      ["example.org", "http://example.org", 101],
      ["example.org:443", "https://example.org", 101],
      ["example.org:80", "http://example.org", 101],
      ["example.org", "https://example.org:443", 101],
      ["Example.org:3110", "http://example.org:3110", 101],
      ["[::1]:3110", "http://[::1]:3110", 101],
      ["example.org:3110", "http://example.org", 403],
      ["example.org", "http://example.org:443", 403],
      ["example.org:80", "https://example.org", 403],
      ["example.org", "https://www.example.org", 403],
      ["example.org", "capacitor://example.org", 403],
      ["null", "null", 403],
    ] as const
  ) {
    assertEquals(await statusOf(wss, { host, origin }), status, `${origin} at ${host}`);
  }
});

Deno.test("[LIM1][NET3] a full instance answers 503 with Retry-After, until a client leaves", async () => {
  await using wss = await startWss({ settings: { MAX_CONNECTIONS: 2 } });
  await using _one = await wss.connect("/web");
  {
    await using _two = await wss.connect("/mobile");
    using refused = await openRawSocket(`${wss.ws}/web`);
    assert(/^HTTP\/1.1 503 [^]*retry-after: 5\r\n/.test(refused.head), refused.head);
    assertEquals((await fetch(`${wss.http}/readyz`).then((r) => r.json())).ready, true);
  }
  await until("its socket is closed", () => wss.service.connections === 1);
  assertEquals(await statusOf(wss), 101);
});

Deno.test("[LIM1] each address has its own limit; behind a proxy, the last forwarded address counts", async () => {
  await using direct = await startWss({ settings: { MAX_CONNECTIONS_PER_IP: 1 } });
  await using _own = await direct.connect("/web");
  assertEquals(await statusOf(direct, { "x-forwarded-for": "10.0.0.1" }), 503);

  const admission = new Admission({
    allowedOrigins: ["*"],
    maxConnections: 100,
    maxConnectionsPerIp: 1,
    trustProxy: true,
  });
  const ask = (headers: Record<string, string>) =>
    admission.admit(new Request("http://localhost/web", { headers }), "127.0.0.1");
  const first = ask({ "x-forwarded-for": "10.0.0.1" });
  assertEquals(ask({ "x-forwarded-for": "10.0.0.9, 10.0.0.1" }).refused, "full");
  assertEquals(ask({ "x-forwarded-for": "10.0.0.1, 10.0.0.2" }).refused, null);
  assertEquals(ask({ "x-real-ip": "10.0.0.2" }).refused, "full");
  assertEquals(ask({ "x-real-ip": "10.0.0.3" }).refused, null);
  assertEquals(ask({}).refused, null);
  assertEquals(ask({}).refused, "full");
  assertEquals(ask({ "x-forwarded-for": "10.0.0.1:4711" }).refused, "full");
  assertEquals(ask({ "x-forwarded-for": "::FFFF:10.0.0.1" }).refused, "full");
  assertEquals(ask({ "x-forwarded-for": "[2001:db8::1]:443" }).refused, null);
  assertEquals(ask({ "x-forwarded-for": "2001:0DB8:0:0:ffff::2" }).refused, "full");
  assertEquals(ask({ "x-forwarded-for": "2001:db8:0:1::1" }).refused, null);
  if (first.refused === null) {
    first.slot.release();
    first.slot.release();
  }
  assertEquals(ask({ "x-forwarded-for": "10.0.0.1" }).refused, null);
  assertEquals(ask({ "x-forwarded-for": "10.0.0.1" }).refused, "full");
});

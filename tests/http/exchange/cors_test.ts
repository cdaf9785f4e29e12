import { assertEquals } from "@std/assert";
import { openStream, post, streamUrl } from "../../_support/clients/event_client.ts";
import { exchange } from "../../_support/network/exchange.ts";
import { startWss } from "../../_support/service/wss.ts";

const ORIGIN = "https://app.example.com";
const SETTINGS = { ALLOWED_ORIGINS: [ORIGIN, "capacitor://localhost", "null"] };
const TOURNAMENT = { command: "getTournament", options: { where: { id: "1" } } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };

/** The header lines of an answer that are about pages of other origins. */
const corsOf = (headers: Headers) =>
  Object.fromEntries([...headers].filter(([name]) => /^access-control-|^vary$/.test(name)));

Deno.test("[HTTP5] a preflight of an allowed origin is told what a page may do, without cookies", async () => {
  await using wss = await startWss({ settings: SETTINGS });
  for (const origin of SETTINGS.ALLOWED_ORIGINS) {
    for (const path of ["/web", "/mobile"]) {
      const { head } = await exchange(wss.http + path, "OPTIONS", [
        `origin: ${origin}`,
        "access-control-request-method: POST",
        "access-control-request-headers: authorization,content-type",
      ]);
      const [status = "", ...lines] = head.toLowerCase().split("\r\n");
      assertEquals(status, "http/1.1 204 no content");
      assertEquals(lines.filter((line) => /^(access|vary|allow)/.test(line)).sort(), [
        "access-control-allow-headers: authorization, content-type, last-event-id",
        "access-control-allow-methods: get, head, post, options",
        `access-control-allow-origin: ${origin.toLowerCase()}`,
        "access-control-expose-headers: retry-after",
        "access-control-max-age: 7200",
        "allow: get, head, post, options",
        "vary: origin",
      ]);
    }
  }
});

Deno.test("[HTTP5][NET3] a page of another origin is 403, and may not read it", async () => {
  await using wss = await startWss({ settings: SETTINGS });
  const headers = { origin: "https://evil.example.com" };
  const answer = await post(`${wss.http}/mobile`, TOURNAMENT, { headers });
  await using stream = await openStream(
    streamUrl(`${wss.http}/mobile`, "getSchedules", SCHEDULE),
    { headers },
  );
  const preflight = await fetch(`${wss.http}/mobile`, { method: "OPTIONS", headers });
  await preflight.body?.cancel();
  for (const { status, headers } of [answer, stream.response, preflight]) {
    assertEquals([status, corsOf(headers)], [403, {}]);
  }
  assertEquals(answer.reply.status, "forbidden");
  assertEquals(wss.backend.calls.length, 0);
});

Deno.test("[HTTP5][NET3] over HTTP/2, which has no header Host, a page of the own origin may ask as well", async () => {
  await using wss = await startWss({ settings: { ALLOWED_ORIGINS: [] } });
  using client = Deno.createHttpClient({ http1: false });
  const statusOf = async (origin: string) => {
    const init = { method: "OPTIONS", headers: { origin }, client };
    const response = await fetch(`${wss.http}/mobile`, init);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await statusOf(wss.http), 204);
  assertEquals(await statusOf("http://evil.example.com"), 403);
});

Deno.test("[HTTP5] a page of an allowed origin may read replies, streams, refusals and Retry-After", async () => {
  await using wss = await startWss({ settings: { ...SETTINGS, MAX_CONNECTIONS: 1 } });
  const headers = { origin: ORIGIN };
  const expected = {
    "access-control-allow-origin": ORIGIN,
    "access-control-expose-headers": "Retry-After",
    "vary": "Origin",
  };
  const ok = await post(`${wss.http}/mobile`, TOURNAMENT, { headers });
  const unauthorized = await post(`${wss.http}/mobile`, TOURNAMENT, { headers, token: "nobody" });
  await using stream = await openStream(
    streamUrl(`${wss.http}/mobile`, "getSchedules", SCHEDULE),
    { headers },
  );
  const full = await post(`${wss.http}/mobile`, TOURNAMENT, { headers });
  const seen = [ok, unauthorized, stream.response, full];
  assertEquals(seen.map(({ status }) => status), [200, 401, 200, 503]);
  for (const { headers } of seen) assertEquals(corsOf(headers), expected);
  const noPage = await openStream(`${wss.http}/web`);
  await noPage[Symbol.asyncDispose]();
  assertEquals(corsOf(noPage.response.headers), { vary: "Origin" });
});

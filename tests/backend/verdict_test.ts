import { assertEquals } from "@std/assert";
import { Backend } from "../../src/backend/backend.ts";
import { Tokens } from "../../src/backend/tokens.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { deadline } from "../_support/queue.ts";
import { startBackend } from "../_support/service/backend.ts";
import { holder } from "../_support/sessions/caller.ts";

/** The most bytes of an answer. */
const MAX_BYTES = 2000;

const NO_BODY = new Set([204, 205, 304]);
const REFUSALS = new Set([401, 403]);
const OUTAGES = new Set([408, 425, 429]);

/** A real backend, and the tokens of a service that asks it, or another server. */
function start({ timeoutMs = 30_000, origin }: { timeoutMs?: number; origin?: string } = {}) {
  const server = startBackend();
  const url = new URL(`${origin ?? server.origin}/user`);
  const backend = new Backend({
    urls: { user: url, notification: url, schedule: undefined, tournament: undefined },
    poolSize: 1000,
    timeoutMs,
    maxBytes: MAX_BYTES,
    metrics: createMetrics(),
  });
  const tokens = new Tokens(backend, { cacheMs: 10_000 });
  const { signal } = new AbortController();
  return {
    server,
    async check(token: string) {
      const answer = await tokens.check(token, { signal, holder: holder() });
      return answer.status === "ok" ? `ok: ${answer.user}` : answer.status;
    },
    async [Symbol.asyncDispose]() {
      backend.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A server that breaks each answer off in the middle of its body. */
function startBreakingServer(status: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const head = `HTTP/1.1 ${status} Why\r\ncontent-length: 100\r\n\r\n`;
  const done = (async () => {
    for await (const conn of listener) {
      await conn.read(new Uint8Array(4096));
      await conn.write(new TextEncoder().encode(`${head}{"id":`));
      conn.close();
    }
  })();
  return {
    origin: `http://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}

function expected(status: number, ok: string): string {
  if (status < 300) return NO_BODY.has(status) ? "odd" : ok;
  if (REFUSALS.has(status)) return "refused";
  return status >= 500 || OUTAGES.has(status) ? "outage" : "odd";
}

/** Bodies of any status, and what a 2xx with them is. */
const BODIES: readonly { body: string; ok: string }[] = [
  { body: '{"id":"42"}', ok: "ok: 42" },
  { body: "<html>Log in</html>", ok: "odd" },
  { body: "", ok: "odd" },
  { body: '{"id":null}', ok: "odd" },
  { body: `{"id":"42","filler":"${"x".repeat(MAX_BYTES)}"}`, ok: "odd" },
];

for (const { body, ok } of BODIES) {
  const name = body.slice(0, 20);
  Deno.test(`[AUTH6] each status means the same, with the body ${JSON.stringify(name)}`, async () => {
    await using api = start();
    const statuses = Array.from({ length: 400 }, (_, i) => 200 + i);
    api.server.on("GET /user", ({ authorization }) => {
      const status = Number(authorization);
      const isRedirect = status >= 300 && status < 400;
      const headers: Record<string, string> = isRedirect ? { location: "/login" } : {};
      return new Response(NO_BODY.has(status) ? null : body, { status, headers });
    });

    const verdicts = await Promise.all(statuses.map((status) => api.check(String(status))));

    assertEquals(
      Object.fromEntries(statuses.map((status, i) => [status, verdicts[i]])),
      Object.fromEntries(statuses.map((status) => [status, expected(status, ok)])),
    );
  });
}

Deno.test("[AUTH6] a 200 without a usable id is odd, whatever it is", async () => {
  await using api = start();
  const bodies = ["{}", "[]", "null", "true", "42", '"42"', "{", '{"id":"42"', '[{"id":"42"}]'];
  bodies.push('{"id":""}', '{"id":1.5}', '{"id":9007199254740993}', '{"id":{}}', '{"id":["42"]}');
  bodies.push('{"user":{"id":"42"}}', '{"error":"unauthorized"}', " ", "\u0000", "OK");
  for (const body of bodies) {
    for (const type of ["application/json", "text/html"]) {
      api.server.on("GET /user", () => new Response(body, { headers: { "content-type": type } }));
      assertEquals(await api.check("alice"), "odd", body);
    }
  }
});

Deno.test("[AUTH6] no whole answer is an outage", async () => {
  for (const status of [200, 401, 404]) {
    await using server = startBreakingServer(status);
    await using api = start({ origin: server.origin });
    assertEquals(await api.check("alice"), "outage", String(status));
  }
  await using slow = start({ timeoutMs: 20 });
  slow.server.hold("GET /user");
  assertEquals(await deadline("the timeout", slow.check("alice")), "outage");
  const gone = start();
  await gone.server[Symbol.asyncDispose]();
  assertEquals(await gone.check("alice"), "outage");
});

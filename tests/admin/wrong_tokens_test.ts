import { assert, assertEquals, assertMatch } from "@std/assert";
import { WrongTokens } from "../../src/admin/http/wrong_tokens.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { freePort } from "../_support/network/free_port.ts";
import { createAdminClient } from "../_support/service/admin.ts";
import { MetricsWatch, series } from "../_support/service/metrics.ts";
import { startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";
import { startWss } from "../_support/service/wss.ts";

const TOKEN = "an-admin-token-0123";
const OPEN = { ADMIN_HOST: "0.0.0.0", ADMIN_TOKEN: TOKEN };
/** A request whose peer waits for the answer. */
const STAYS = { signal: new AbortController().signal };
const WRONG = { headers: { authorization: "Bearer a-wrong-token" } };

/** Whether a promise has been resolved by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true);
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return settled;
}

Deno.test("refused requests to the admin port are counted by reason", async () => {
  await using wss = await startWss({ settings: OPEN });
  const refused = (reason: string) => series("admin_refusals_total", { reason });
  const watch = new MetricsWatch();
  const changes = await watch.changes(wss.admin, {
    page: refused("page"),
    noToken: refused("no_token"),
    wrongToken: refused("wrong_token"),
  }, async () => {
    await wss.admin.request("/sessions", { headers: { origin: "https://evil.example" } });
    await wss.admin.request("/metrics", { headers: { "sec-fetch-site": "cross-site" } });
    await wss.admin.request("/sessions");
    for (let i = 0; i < 3; i++) await wss.admin.request("/sessions", WRONG);
    await wss.admin.request("/nothing", { headers: { authorization: `Bearer ${TOKEN}` } });
  });
  assertEquals(changes, { page: 2, noToken: 1, wrongToken: 3 });
});

Deno.test("a burst of wrong tokens is logged once, with the address and without the token", async () => {
  const port = freePort();
  const env = { ...testEnvironment("http://127.0.0.1:1"), ...OPEN, ADMIN_PORT: String(port) };
  await using wss = await startProcess({ env });
  await wss.line(/"port":/);
  const admin = createAdminClient(`http://127.0.0.1:${port}`);
  for (let i = 0; i < 5; i++) assertEquals((await admin.request("/why", WRONG)).status, 401);
  await wss.line(/wrong token/);
  const lines = wss.complaints.filter((line) => /wrong token/.test(line));
  assertEquals(lines.length, 1);
  assertMatch(lines[0] ?? "", /from 127\.0\.0\.1 had a wrong token/);
  assert(!wss.complaints.join().includes("a-wrong-token"));
});

Deno.test("wrong tokens are answered later and later, each address by itself", async () => {
  using clock = fakeTimeouts();
  const tokens = new WrongTokens();
  const due = [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000];
  for (const ms of due) {
    const answer = tokens.note("192.0.2.1", STAYS);
    clock.tick(ms - 1);
    assert(!await isSettled(answer), `not before ${ms} ms`);
    clock.tick(1);
    assert(await isSettled(answer), `after ${ms} ms`);
  }
  const other = tokens.note("192.0.2.2", STAYS);
  clock.tick(10);
  assert(await isSettled(other));
  clock.tick(600_000);
  const later = tokens.note("192.0.2.1", STAYS);
  clock.tick(10);
  assert(await isSettled(later));
});

Deno.test("a right token is answered at once, also while wrong ones of its address wait", async () => {
  await using wss = await startWss({ settings: OPEN });
  const right = { headers: { authorization: `Bearer ${TOKEN}` } };
  using clock = fakeTimeouts();
  const order: number[] = [];
  const ask = async (init: RequestInit) => {
    order.push((await wss.admin.request("/sessions", init)).status);
  };
  const wrong = [ask(WRONG), ask(WRONG)];
  // Of two, one waits, and the other one is refused.
  await Promise.any(wrong);
  await ask(right);
  assertEquals(order, [429, 200]);
  clock.tick(20);
  await Promise.all(wrong);
  assertEquals(order, [429, 200, 401]);
});

Deno.test("one wrong token of an address waits; further ones are refused at once with Retry-After", async () => {
  await using wss = await startWss({ settings: OPEN });
  using clock = fakeTimeouts();
  const ask = () => fetch(`${wss.admin.url}/why`, WRONG);
  const asked = [ask(), ask()];
  const refused = await Promise.any(asked);
  assertEquals([refused.status, refused.headers.get("retry-after")], [429, "1"]);
  clock.tick(20);
  const answers = await Promise.all(asked);
  assertEquals(answers.map(({ status }) => status).sort(), [401, 429]);
  for (const { body } of answers) await body?.cancel();
});

Deno.test("a thousand addresses of wrong tokens are remembered, and one answer waits for each", async () => {
  using clock = fakeTimeouts();
  const tokens = new WrongTokens();
  const first = tokens.note("192.0.2.1", STAYS);
  assertEquals(await tokens.note("::ffff:192.0.2.1", STAYS), 1);
  const other = tokens.note("2001:db8::1", STAYS);
  assertEquals(await tokens.note("2001:db8::2", STAYS), 1);
  for (let i = 0; i < 8; i++) await tokens.note("192.0.2.1", STAYS);
  assertEquals(await tokens.note("192.0.2.1", STAYS), 5);
  clock.tick(10);
  assertEquals([await first, await other], [0, 0]);

  for (let i = 0; i < 1000; i++) tokens.note(`a${i}`, STAYS);
  assertEquals(await tokens.note("b", STAYS), 1);
  assertEquals(tokens.size, 1000);
  clock.tick(10);
});

Deno.test("the wait for a wrong token's answer ends when its peer has gone", async () => {
  using clock = fakeTimeouts();
  const tokens = new WrongTokens();
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request, { remoteAddr }) => {
      const answer = tokens.note(remoteAddr.hostname, request);
      asked.resolve();
      answered.resolve(await answer);
      return new Response();
    },
  );
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
  await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await asked.promise;
  assertEquals(await tokens.note("127.0.0.1", STAYS), 1);
  conn.close();
  assertEquals(await answered.promise, 0);
  const next = tokens.note("127.0.0.1", STAYS);
  assert(!await isSettled(next));
  clock.tick(40);
  assertEquals(await next, 0);
});

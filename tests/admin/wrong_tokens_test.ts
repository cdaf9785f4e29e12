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
const WRONG = { headers: { authorization: "Bearer a-wrong-token" } };

/** Whether a promise has been resolved by now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
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
    const answer = tokens.note("192.0.2.1");
    clock.tick(ms - 1);
    assert(!await isSettled(answer), `not before ${ms} ms`);
    clock.tick(1);
    assert(await isSettled(answer), `after ${ms} ms`);
  }
  const other = tokens.note("192.0.2.2");
  clock.tick(10);
  assert(await isSettled(other));
  clock.tick(600_000);
  const later = tokens.note("192.0.2.1");
  clock.tick(10);
  assert(await isSettled(later));
});

Deno.test("a right token is answered at once, also while wrong ones of its address wait", async () => {
  await using wss = await startWss({ settings: OPEN });
  const giveUp = new AbortController();
  const wrong = Array.from(
    { length: 12 },
    () => wss.admin.request("/sessions", { ...WRONG, signal: giveUp.signal }).catch(() => null),
  );
  await Promise.any(wrong);
  const right = { headers: { authorization: `Bearer ${TOKEN}` } };
  let isAnswered = false;
  const answers = Promise.all(wrong).then(() => isAnswered = true);
  assertEquals((await wss.admin.request("/sessions", right)).status, 200);
  assert(!isAnswered);
  giveUp.abort();
  await answers;
});

Deno.test("a thousand addresses of wrong tokens are remembered, and a hundred answers wait", async () => {
  using clock = fakeTimeouts();
  const tokens = new WrongTokens();
  for (let i = 0; i < 100; i++) tokens.note(`a${i}`);
  assert(await isSettled(tokens.note("b")));
  clock.tick(10);
  for (let i = 0; i < 1100; i++) tokens.note(`c${i}`);
  assertEquals(tokens.size, 1000);
  clock.tick(10);
});

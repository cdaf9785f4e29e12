import { assert, assertEquals } from "@std/assert";
import { createMetrics } from "../../src/observe/metrics.ts";
import { until } from "../_support/queue.ts";
import { metricNames, MetricsWatch, series } from "../_support/service/metrics.ts";
import { startWss } from "../_support/service/wss.ts";

const watch = new MetricsWatch();

const outcomes = (outcome: string) =>
  series("backend_requests_total", { api: "tournament", outcome });

Deno.test("requests to the backend are counted by outcome, and their repeated tries", async () => {
  await using wss = await startWss({ settings: { REQUEST_POOL_SIZE: 1 } });
  await using client = await wss.connect("/mobile", { token: "alice" });
  let tries = 0;
  wss.backend.on("GET /tournament", ({ url }) => {
    if (url.endsWith("/refused")) return new Response("no", { status: 404 });
    return ++tries === 1 ? new Response(null, { status: 503 }) : Response.json({});
  });
  const changes = await watch.changes(wss.admin, {
    ok: outcomes("ok"),
    refused: outcomes("backend-refused"),
    givenUp: outcomes("given_up"),
    retries: series("backend_retries_total", { api: "tournament" }),
    durations: series("backend_request_duration_seconds_count", { api: "tournament" }),
  }, async () => {
    await client.request("getTournament", { where: { id: "ok" } });
    await client.request("getTournament", { where: { id: "refused" } });
    const release = wss.backend.hold("GET /tournament");
    const other = await wss.connect("/mobile");
    other.ask("getTournament", { where: { id: "held" } });
    await release();
    await other[Symbol.asyncDispose]();
    await until(
      "the request is given up",
      async () => await wss.admin.metric(outcomes("given_up")) > 0,
    );
  });
  assertEquals(changes, { ok: 1, refused: 1, givenUp: 1, retries: 1, durations: 3 });
});

Deno.test("calls that share a request to the backend are counted", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  const shared = series("backend_shared_total", { api: "tournament" });
  const release = wss.backend.hold("GET /tournament");
  const rids: number[] = [];
  const changes = await watch.changes(wss.admin, { shared }, async () => {
    for (const id of ["a", "b", "b"]) rids.push(client.ask("getTournament", { where: { id } }));
    await until("a call shares", async () => await wss.admin.metric(shared) === 1);
  });
  assertEquals(changes, { shared: 1 });
  for (const _ of [1, 2]) (await release())();
  for (const rid of rids) await client.reply(rid);
});

Deno.test("an API that hangs is counted as a timeout, and then as a full pool", async () => {
  await using wss = await startWss({
    settings: { BACKEND_TIMEOUT_MS: 300, REQUEST_POOL_SIZE: 1 },
  });
  await using client = await wss.connect("/mobile");
  wss.backend.on("GET /tournament", () => new Promise(() => {}));
  const changes = await watch.changes(wss.admin, {
    timeout: outcomes("backend-timeout"),
    overloaded: outcomes("overloaded"),
    givenUp: outcomes("given_up"),
  }, async () => {
    const rids = ["a", "b", "c"].map((id) => client.ask("getTournament", { where: { id } }));
    for (const rid of rids) assertEquals((await client.reply(rid)).status, "error");
  });
  // One request runs and one waits, so the third one is too many. The one that waits gets its place
  // when its own time is nearly over: it may be sent just in time, or never.
  const { timeout, overloaded, givenUp } = changes;
  assertEquals([timeout + overloaded, givenUp], [3, 0]);
  assert(timeout >= 1 && overloaded >= 1, JSON.stringify(changes));
});

Deno.test("the tests above have seen every metric of the backend change", async () => {
  const text = await createMetrics().registry.metrics();
  const names = metricNames(text.split("\n")).filter((name) => name.startsWith("wss_backend_"));
  assert(names.length > 3, names.join());
  assertEquals(names.filter((name) => !watch.seen.has(name)), []);
});

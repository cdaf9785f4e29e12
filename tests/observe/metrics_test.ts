import { assert, assertEquals } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import dashboard from "../../src/admin/dashboard.json" with { type: "json" };
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { AdminClient, Series } from "../_support/service/admin.ts";
import { startLastingBroker } from "../_support/kafka/broker.ts";
import { KafkaReader } from "../../src/kafka/reader.ts";
import { kafkaTest } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"] };
const ALICE = { userId: "42", type: "message", data: 1 };

/** What the tests of this file have seen change. */
const seen = new Set<string>();

/** By how much series change while something is done. */
async function changes(
  admin: AdminClient,
  series: readonly Series[],
  work: () => unknown,
): Promise<number[]> {
  const values = async () => {
    const found: number[] = [];
    for (const one of series) found.push(await admin.metric(one));
    return found;
  };
  const before = await values();
  await work();
  const after = await values();
  const changed = after.map((value, i) => value - (before[i] ?? 0));
  for (const [i, { name }] of series.entries()) {
    if (changed[i] !== 0) seen.add(name.replace(/_(bucket|sum|count)$/, ""));
  }
  return changed;
}

/** The value of a series that is something else than 0. */
async function see(admin: AdminClient, one: Series): Promise<number> {
  const value = await admin.metric(one);
  if (value !== 0) seen.add(one.name);
  return value;
}

function series(name: string, labels: Record<string, string> = {}): Series {
  return { name: `wss_${name}`, labels };
}

Deno.test("metrics tell of connections and sessions by endpoint, and of why they end", async () => {
  await using wss = await startWss({ settings: { PING_SECONDS: "1" } });
  assertEquals(
    await changes(wss.admin, [
      series("connects_total", { endpoint: "/mobile" }),
      series("connections", { endpoint: "/mobile" }),
      series("sessions", { endpoint: "/mobile", identity: "user" }),
      series("sessions", { endpoint: "/mobile", identity: "guest" }),
      series("subscriptions", { resource: "notification", state: "live" }),
      series("disconnects_total", { reason: "unsupported_data" }),
      series("disconnects_total", { reason: "client" }),
      series("disconnects_total", { reason: "ping_timeout" }),
    ], async () => {
      const alice = await wss.connect("/mobile", { token: "alice" });
      await alice.request("getMyNotifications", LIST);
      await wss.connect("/mobile");
      const binary = await wss.connect("/mobile");
      binary.socket.send(new Uint8Array(1));
      await binary.ended;
      await (await wss.connect("/mobile"))[Symbol.asyncDispose]();
      using silent = await openRawSocket(`${wss.ws}/mobile`);
      while ((await silent.readFrame())?.opcode === 9);
      await until("3 have ended", () => wss.service.sessions.size === 2);
    }),
    [5, 2, 1, 1, 1, 1, 1, 1],
  );
});

Deno.test("metrics tell of refused upgrades, by why", async () => {
  await using wss = await startWss({
    settings: {
      ALLOWED_ORIGINS: "https://a.example",
      MAX_CONNECTIONS: "1",
      AUTH_REQUIRED: "true",
    },
  });
  const reasons = ["origin", "full", "no_token", "token_refused", "token_not_checked", "handshake"];
  const upgrade = async (headers: Record<string, string>) =>
    await openRawSocket(`${wss.ws}/web`, headers).then(
      (socket) => socket[Symbol.dispose](),
      () => {},
    );
  const changed = await changes(
    wss.admin,
    reasons.map((reason) => series("refusals_total", { reason })),
    async () => {
      await upgrade({ origin: "https://b.example" });
      await upgrade({});
      await upgrade({ authorization: "nobody" });
      wss.backend.on("GET /user", () => new Response(null, { status: 500 }));
      await upgrade({ authorization: "alice" });
      wss.backend.reset("GET /user");
      await upgrade({ authorization: "alice", "sec-websocket-key": "", connection: "x" });
      using _first = await openRawSocket(`${wss.ws}/web`, { authorization: "alice" });
      await upgrade({ authorization: "alice" });
    },
  );
  assertEquals(changed, [1, 1, 1, 1, 1, 1]);
  // In the subprotocol's form a refusal is a connection, which a bad handshake is not.
  const [refused, badHandshake] = await changes(
    wss.admin,
    ["token_refused", "handshake"].map((reason) => series("refusals_total", { reason })),
    () =>
      upgrade({
        "sec-websocket-protocol": "bearer.bm9ib2R5",
        "sec-websocket-key": "",
        connection: "x",
      }),
  );
  assertEquals([refused, badHandshake], [0, 1]);

  await using draining = await startWss({ settings: { DRAIN_SECONDS: "3" } });
  await using _client = await draining.connect("/web");
  const stopped = draining.stop();
  const [notReady] = await changes(
    draining.admin,
    [series("refusals_total", { reason: "not_ready" })],
    () => openRawSocket(`${draining.ws}/web`).catch(() => {}),
  );
  assertEquals(notReady, 1);
  await stopped;
});

Deno.test("metrics tell of requests by command and status, and of what errors there were", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  assertEquals(
    await changes(wss.admin, [
      series("requests_total", { command: "getMyNotifications", status: "ok" }),
      series("requests_total", { command: "getMyNotifications", status: "error" }),
      series("requests_total", { command: "unknown", status: "error" }),
      series("request_errors_total", { slug: "invalid-options" }),
      series("request_errors_total", { slug: "unsupported-command" }),
      series("request_duration_seconds_count", { command: "getMyNotifications" }),
    ], async () => {
      await client.request("getMyNotifications", LIST);
      await client.request("getMyNotifications", {});
      await client.request('any"thing', {});
    }),
    [1, 1, 1, 1, 1, 2],
  );
  const lines = await wss.admin.metrics();
  assertEquals(lines.filter((line) => line.includes("thing")), []);
});

Deno.test("metrics tell of pushes by type and kind, and of their delay", async () => {
  await using wss = await startWss({ settings: { CURSOR_SECONDS: "1" } });
  await using client = await wss.connect("/mobile", { ...V1, token: "alice" });
  const { cursor: since } = await client.request("getMyNotifications", LIST);
  assertEquals(
    await changes(wss.admin, [
      series("pushes_total", { type: "notification", kind: "live" }),
      series("pushes_total", { type: "notification", kind: "caught_up" }),
      series("pushes_total", { type: "update_subscription", kind: "reload" }),
      series("pushes_total", { type: "authentication", kind: "unauthorized" }),
      series("push_delay_seconds_count", { type: "notification" }),
      series("push_delay_seconds_count", { type: "update_subscription" }),
      series("resumes_total", { outcome: "recovered" }),
      series("resumes_total", { outcome: "unreadable" }),
      series("resumes_total", { outcome: "reload_missed" }),
      series("reloads_total", { outcome: "ok" }),
      series("kafka_records_total", { type: "notification" }),
      series("kafka_records_total", { type: "update_subscription" }),
      series("kafka_records_total", { type: "logout" }),
      series("kafka_records_total", { type: "empty" }),
      series("window_entries"),
    ], async () => {
      wss.publish("notification", ALICE);
      wss.log.publish(null);
      await client.next();
      await using again = await wss.connect("/mobile", { ...V1, token: "alice" });
      const { event } = await again.request("getMyNotifications", { ...LIST, since });
      await again.next();
      wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
      for (const one of [client, again]) {
        while ((await one.next()).status !== "reload");
      }
      await again.request("getMyNotifications", { where: { types: ["b"] }, since: "x" });
      await again.request("getMyNotifications", { ...LIST, since });
      wss.publish("logout", { userId: "42" });
      for (const one of [client, again]) {
        while ((await one.next()).status !== "unauthorized");
      }
    }),
    [1, 1, 2, 2, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2],
  );
  const [live] = await changes(
    wss.admin,
    [series("pushes_total", { type: "stream", kind: "live" })],
    async () => {
      await client.request("authentication", { authToken: "alice" });
      await client.request("getMyNotifications", LIST);
      while ((await client.next()).status !== "live");
    },
  );
  assertEquals(live, 1);
  const [reconnect] = await changes(
    wss.admin,
    [series("pushes_total", { type: "server", kind: "reconnect" })],
    async () => {
      const release = wss.backend.hold("GET /notification");
      client.ask("getMyNotifications", LIST);
      await release();
      wss.stop();
      while ((await client.next()).status !== "reconnect");
    },
  );
  assertEquals(reconnect, 1);
});

Deno.test("metrics tell of shared and failed reloads, and of resyncs", async () => {
  await using wss = await startWss();
  await using one = await wss.connect("/mobile", { ...V1, token: "alice" });
  await using two = await wss.connect("/mobile", { ...V1, token: "alice" });
  await one.request("getMyNotifications", LIST);
  const { event } = await two.request("getMyNotifications", LIST);
  const release = wss.backend.hold(
    "GET /notification",
    () => new Response("no", { status: 400 }),
  );
  assertEquals(
    await changes(wss.admin, [
      series("reloads_total", { outcome: "failed" }),
      series("reloads_shared_total"),
      series("resyncs_total", { reason: "reload_failed" }),
    ], async () => {
      wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
      const letGo = await release();
      assertEquals(await see(wss.admin, series("reloads_pending")), 1);
      assertEquals(await see(wss.admin, series("subscriptions", { state: "catching_up" })), 2);
      letGo();
      for (const client of [one, two]) assertEquals((await client.next()).status, "resync");
    }),
    [1, 1, 2],
  );
});

Deno.test("metrics tell of the backend: outcomes, retries, shared requests, the pool", async () => {
  await using wss = await startWss({ settings: { REQUEST_POOL_SIZE: "1" } });
  await using client = await wss.connect("/mobile", { token: "alice" });
  const tournament = { api: "tournament" };
  let tries = 0;
  assertEquals(
    await changes(wss.admin, [
      series("backend_requests_total", { ...tournament, outcome: "ok" }),
      series("backend_requests_total", { ...tournament, outcome: "backend-refused" }),
      series("backend_requests_total", { ...tournament, outcome: "given_up" }),
      series("backend_retries_total", tournament),
      series("backend_request_duration_seconds_count", tournament),
    ], async () => {
      wss.backend.on("GET /tournament", ({ url }) => {
        if (url.endsWith("/refused")) return new Response("no", { status: 404 });
        return ++tries === 1 ? new Response(null, { status: 503 }) : Response.json({});
      });
      await client.request("getTournament", { where: { id: "ok" } });
      await client.request("getTournament", { where: { id: "refused" } });
      const release = wss.backend.hold("GET /tournament");
      const other = await wss.connect("/mobile");
      other.ask("getTournament", { where: { id: "held" } });
      await release();
      await other[Symbol.asyncDispose]();
      await until("it is given up", async () =>
        await wss.admin.metric(
          series("backend_requests_total", { ...tournament, outcome: "given_up" }),
        ) > 0);
    }),
    [1, 1, 1, 1, 3],
  );
  const release = wss.backend.hold("GET /tournament");
  const rids: number[] = [];
  assertEquals(
    await changes(wss.admin, [
      series("backend_pool_in_use", tournament),
      series("backend_pool_waiting", tournament),
      series("backend_shared_total", tournament),
    ], async () => {
      for (const id of ["a", "b", "b"]) rids.push(client.ask("getTournament", { where: { id } }));
      await until(
        "they wait",
        async () => await wss.admin.metric(series("backend_shared_total", tournament)) === 1,
      );
    }),
    [1, 1, 1],
  );
  for (const _ of [1, 2]) (await release())();
  for (const rid of rids) await client.reply(rid);
});

Deno.test("metrics tell of a slow client, of what is read late, and of quarantine", async () => {
  const log = createEmbeddedLog();
  let isTold = true;
  await using wss = await startWss({
    log,
    settings: { DEGRADED_AFTER_SECONDS: "1" },
    createReader: () =>
      createChangedReader(log, (events) => ({
        ...events,
        onEnds: (ends) => isTold && events.onEnds(ends),
      })),
  });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  using slow = await openRawSocket(`${wss.ws}/web`);
  await slow.request({ rid: 1, command: "authentication", options: { authToken: "bob" } });
  await slow.request({ rid: 2, command: "getMyNotifications", options: LIST });
  await slow.readJson();
  await slow.readJson();
  assertEquals(
    await changes(wss.admin, [
      series("sessions_behind"),
      series("subscriptions", { state: "catching_up" }),
      series("quarantined_total", { reason: "not_json" }),
      series("quarantined_total", { reason: "not_utf8" }),
      series("quarantined_total", { reason: "not_a_message" }),
      series("kafka_records_total", { type: "unusable" }),
    ], async () => {
      for (let i = 0; i < 12; i++) {
        wss.publish("notification", { userId: "43", type: "a", data: "x".repeat(900_000) });
      }
      log.publish("{");
      log.publish(new Uint8Array([0xff]));
      log.publish('{"type":"other"}');
      await until("it is behind", () => wss.service.slowClients.size === 1);
    }),
    [1, 1, 1, 1, 1, 3],
  );
  const [bytes, steps, position, end, degraded, answerAge, told] = await changes(wss.admin, [
    series("window_bytes"),
    series("trace_steps"),
    series("kafka_position", { partition: "0" }),
    series("kafka_end", { partition: "0" }),
    series("degraded"),
    series("kafka_answer_age_seconds"),
    series("pushes_total", { type: "stream", kind: "degraded" }),
  ], async () => {
    wss.publish("notification", ALICE);
    await until("the ends are told", async () =>
      await wss.admin.metric(series("kafka_end")) ===
        await wss.admin.metric(series("kafka_position")));
    isTold = false;
    while ((await client.next()).status !== "degraded");
  });
  assert((bytes ?? 0) > 100 && (answerAge ?? 0) > 0.5, `${bytes} bytes, ${answerAge} s`);
  assertEquals([position, degraded, told], [1, 1, 1]);
  assert((end ?? 0) > 0 && (steps ?? 0) > 0);
});

Deno.test("metrics tell how far a partition is behind its end", async () => {
  const log = createEmbeddedLog();
  await using wss = await startWss({
    log,
    createReader: () =>
      createChangedReader(log, (events) => ({
        ...events,
        onEnds: ({ ends, askedAt }) => events.onEnds({ ends: ends.map((end) => end + 5), askedAt }),
      })),
  });
  assertEquals(await see(wss.admin, series("kafka_lag", { partition: "0" })), 5);
});

Deno.test("metrics tell of the process and its event loop", async () => {
  await using wss = await startWss();
  const [cpu, delays, heap] = await changes(wss.admin, [
    { name: "process_cpu_seconds_total" },
    series("event_loop_delay_seconds_count"),
    series("heap_used_bytes"),
  ], async () => {
    await until(
      "a tick",
      async () => await wss.admin.metric(series("event_loop_delay_seconds_count")) > 2,
    );
  });
  assert((cpu ?? 0) > 0 && (delays ?? 0) > 0 && heap !== 0);
  const startedAt = await see(wss.admin, { name: "process_start_time_seconds" });
  assert(Math.abs(startedAt * 1000 - performance.timeOrigin) < 1);
  assert(await see(wss.admin, { name: "process_resident_memory_bytes" }) > 1e7);
  assert(await see(wss.admin, series("heap_external_bytes")) > 0);
  const labels = { host_env: "testing", version: denoJson.version };
  assertEquals(await see(wss.admin, series("build_info", labels)), 1);
});

kafkaTest(
  "metrics tell of a consumer that joined, and of one that a broker's end stopped",
  async () => {
    await using broker = await startLastingBroker();
    await using wss = await startWss({
      settings: { KAFKA_BROKERS: broker.address, KAFKA_TOPIC: "wss" },
      createReader: (settings) => new KafkaReader(settings),
    });
    assertEquals(await wss.admin.metric(series("kafka_joins_total")), 1);
    const [joins, crashes] = await changes(wss.admin, [
      series("kafka_joins_total"),
      series("kafka_crashes_total"),
    ], async () => {
      await broker.kill();
      await until(
        "the consumer has ended",
        async () => await wss.admin.metric(series("kafka_crashes_total")) > 0,
      );
      await broker.start();
      await until(
        "it has joined again",
        async () => await wss.admin.metric(series("kafka_joins_total")) > 1,
      );
    });
    assert((joins ?? 0) > 0 && (crashes ?? 0) > 0);
  },
);

Deno.test("every metric has been seen to change, and the dashboard asks for none that there is not", async () => {
  await using wss = await startWss();
  const lines = await wss.admin.metrics();
  const names = lines.filter((line) => line.startsWith("# TYPE ")).map((line) =>
    line.split(" ")[2] ?? ""
  );
  const needKafka = ["wss_kafka_joins_total", "wss_kafka_crashes_total"];
  assertEquals(names.filter((name) => !seen.has(name) && !needKafka.includes(name)), []);
  const asked = new Set(JSON.stringify(dashboard).match(/(wss|process)_[a-z_]+/g));
  const known = new Set(
    names.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
  );
  assertEquals([...asked].filter((name) => !known.has(name)), []);
  assert(asked.size > 10);
});

Deno.test("README tells of every metric, with its labels", async () => {
  await using wss = await startWss();
  const client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.publish("notification", ALICE);
  await client.next();
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const told = new Map(
    readme.matchAll(/^\| `((?:wss|process)_\w+)` +\| +([a-z_, ]*?) *\|/gm)
      .map(([, name = "", labels = ""]) => [name, labels.split(", ").filter((label) => label)]),
  );
  const lines = await wss.admin.metrics();
  const names = lines.flatMap((line) => /^# TYPE (\w+)/.exec(line)?.[1] ?? []);
  assertEquals([...told.keys()].sort(), names.sort());
  for (const line of lines) {
    const [, name = "", labels = ""] = /^(\w+)\{(.*)\} /.exec(line) ?? [];
    const known = told.get(name.replace(/_(bucket|sum|count)$/, "")) ?? told.get(name);
    const found = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label);
    for (const label of found) {
      assert(label === "le" || known?.includes(label ?? ""), `${name} has ${label}`);
    }
  }
  await client[Symbol.asyncDispose]();
});

Deno.test("an API that hangs is told of: as a timeout, and as a full pool", async () => {
  await using wss = await startWss({
    settings: { BACKEND_TIMEOUT_MS: "300", REQUEST_POOL_SIZE: "1" },
  });
  await using client = await wss.connect("/mobile");
  wss.backend.on("GET /tournament", () => new Promise(() => {}));
  const outcome = (outcome: string) =>
    series("backend_requests_total", { api: "tournament", outcome });
  assertEquals(
    await changes(wss.admin, [
      outcome("backend-timeout"),
      outcome("overloaded"),
      outcome("given_up"),
    ], async () => {
      const rids = ["a", "b", "c"].map((id) => client.ask("getTournament", { where: { id } }));
      for (const rid of rids) assertEquals((await client.reply(rid)).status, "error");
    }),
    // One runs and one waits, of which the third is one too many.
    [2, 1, 0],
  );
});

Deno.test("how long a request took is counted, and nothing of a client that has left", async () => {
  await using wss = await startWss();
  const client = await wss.connect("/mobile");
  const command = { command: "getTournament" };
  const release = wss.backend.hold("GET /tournament");
  const [sum] = await changes(
    wss.admin,
    [series("request_duration_seconds_sum", command)],
    async () => {
      const askedAt = performance.now();
      const rid = client.ask("getTournament", { where: { id: "1" } });
      const letGo = await release();
      await until("some time has gone by", () => performance.now() - askedAt > 100);
      letGo();
      await client.reply(rid);
    },
  );
  assert((sum ?? 0) >= 0.1 && (sum ?? 0) < 5, `${sum} s`);
  assertEquals(
    await changes(wss.admin, [series("requests_total", command)], async () => {
      client.ask("getTournament", { where: { id: "2" } });
      const letGo = await release();
      await client[Symbol.asyncDispose]();
      await until("it has gone", () => wss.service.sessions.size === 0);
      letGo();
      await (await wss.connect("/web"))[Symbol.asyncDispose]();
    }),
    [0],
  );
});

Deno.test("a loop that is kept busy shows", async () => {
  await using wss = await startWss();
  const [sum] = await changes(
    wss.admin,
    [series("event_loop_delay_seconds_sum")],
    async () => {
      const start = performance.now();
      while (performance.now() - start < 400);
      const ticks = () => wss.admin.metric(series("event_loop_delay_seconds_count"));
      const before = await ticks();
      await until("it has been looked at", async () => await ticks() > before);
    },
  );
  assert((sum ?? 0) > 0.2, `${sum} s`);
});

Deno.test("what is alerted on is there from the start, as 0", async () => {
  await using wss = await startWss();
  const lines = await wss.admin.metrics();
  for (
    const line of [
      'wss_quarantined_total{reason="not_json"} 0',
      'wss_request_errors_total{slug="internal"} 0',
      'wss_refusals_total{reason="full"} 0',
      'wss_sessions{endpoint="/web",identity="user"} 0',
    ]
  ) assert(lines.includes(line), line);
});

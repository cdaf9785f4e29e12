import { assert, assertEquals } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { fakeServiceClock } from "../_support/clock.ts";
import { createProcessCounts } from "../../src/observe/process_gauges.ts";
import { until } from "../_support/queue.ts";
import { createChangedReader, createMuteReader } from "../_support/service/changed_reader.ts";
import { metricNames, MetricsWatch, series } from "../_support/service/metrics.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"] };
const ALICE = { userId: "42", type: "message", data: 1 };

const watch = new MetricsWatch();

Deno.test("gauges show sessions by endpoint and user, and their subscriptions", async () => {
  await using wss = await startWss();
  const changes = await watch.changes(wss.admin, {
    users: series("sessions", { endpoint: "/mobile", identity: "user" }),
    guests: series("sessions", { endpoint: "/mobile", identity: "guest" }),
    onWeb: series("sessions", { endpoint: "/web" }),
    live: series("subscriptions", { resource: "notification", state: "live" }),
  }, async () => {
    const alice = await wss.connect("/mobile", { token: "alice" });
    await alice.request("getMyNotifications", LIST);
    await wss.connect("/mobile");
    await (await wss.connect("/mobile"))[Symbol.asyncDispose]();
    await until("one session has ended", () => wss.service.sessions.size === 2);
  });
  assertEquals(changes, { users: 1, guests: 1, onWeb: 0, live: 1 });
});

Deno.test("gauges show reloads under way, and subscriptions that they hold back", async () => {
  await using wss = await startWss();
  await using one = await wss.connect("/mobile", { ...V1, token: "alice" });
  await using two = await wss.connect("/mobile", { ...V1, token: "alice" });
  await one.request("getMyNotifications", LIST);
  const { event } = await two.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");
  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const letGo = await release();
  assertEquals(
    await watch.values(wss.admin, {
      reloads: series("reloads_pending"),
      catchingUp: series("subscriptions", { state: "catching_up" }),
    }),
    { reloads: 1, catchingUp: 2 },
  );
  letGo();
  for (const client of [one, two]) assertEquals((await client.next()).status, "reload");
});

Deno.test("gauges show the requests that have a place in the pool, and those that wait", async () => {
  await using wss = await startWss({ settings: { REQUEST_POOL_SIZE: 1 } });
  await using client = await wss.connect("/mobile");
  const waiting = series("backend_pool_waiting", { api: "tournament" });
  const inUse = series("backend_pool_in_use", { api: "tournament" });
  const release = wss.backend.hold("GET /tournament");
  const rids: number[] = [];
  const changes = await watch.changes(wss.admin, { inUse, waiting }, async () => {
    for (const id of ["a", "b"]) rids.push(client.ask("getTournament", { where: { id } }));
    await until("a request waits", async () => await wss.admin.metric(waiting) === 1);
  });
  assertEquals(changes, { inUse: 1, waiting: 1 });
  for (const _ of rids) (await release())();
  for (const rid of rids) await client.reply(rid);
});

Deno.test("wss_sessions_behind counts what /sessions counts", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  using slow = await openRawSocket(`${wss.ws}/web`);
  await slow.request({ rid: 1, command: "authentication", options: { authToken: "bob" } });
  await slow.request({ rid: 2, command: "getMyNotifications", options: LIST });
  await slow.readJson();
  await slow.readJson();
  const look = async () => ({
    ...await watch.values(wss.admin, {
      behind: series("sessions_behind"),
      catchingUp: series("subscriptions", { state: "catching_up" }),
    }),
    inSessions: (await wss.admin.get("/sessions")).counts.behind,
  });
  assertEquals(await look(), { behind: 0, catchingUp: 0, inSessions: 0 });

  // More than the system takes for a peer that does not read, so the frame stays unsent.
  wss.publish("notification", { userId: "43", type: "a", data: "x".repeat(20_000_000) });
  wss.publish("notification", { userId: "43", type: "a" });
  assertEquals(await look(), { behind: 1, catchingUp: 1, inSessions: 1 });

  while ((await slow.readJson())?.payload !== null);
  assertEquals(await look(), { behind: 0, catchingUp: 0, inSessions: 0 });
});

Deno.test("gauges show how far the log is read, the window, and what /why remembers", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const end = series("kafka_end", { partition: "0" });
  const position = series("kafka_position", { partition: "0" });
  const changes = await watch.changes(wss.admin, {
    entries: series("window_entries"),
    bytes: series("window_bytes"),
    traceSteps: series("trace_steps"),
    position,
    end,
  }, async () => {
    wss.publish("notification", ALICE);
    await client.next();
    await until("the new end is known", async () => await wss.admin.metric(end) === 1);
  });
  const { bytes, ...exact } = changes;
  assertEquals(exact, { entries: 1, traceSteps: 1, position: 1, end: 1 });
  assert(bytes > 100, `${bytes} bytes`);
});

Deno.test("gauges show how far a partition is behind its end, and up to where it can be read", async () => {
  const log = createEmbeddedLog();
  await using wss = await startWss({
    log,
    createReader: () =>
      createChangedReader(log, (events) => ({
        ...events,
        onEnds: ({ askedAt }) =>
          events.onEnds({ ends: new Map([[0, { end: 5, stableEnd: 3 }]]), askedAt }),
      })),
  });
  assertEquals(
    await watch.values(wss.admin, {
      lag: series("kafka_lag", { partition: "0" }),
      stableEnd: series("kafka_stable_end", { partition: "0" }),
    }),
    { lag: 5, stableEnd: 3 },
  );
});

Deno.test("of very many partitions, the first thousand have gauges of their own", async () => {
  await using wss = await startWss({ log: createEmbeddedLog({ partitions: 1010 }) });
  assertEquals(await watch.values(wss.admin, { partitions: series("kafka_partitions") }), {
    partitions: 1010,
  });
  const lines = (await wss.admin.metrics()).filter((line) => line.startsWith("wss_kafka_end{"));
  assertEquals(lines.length, 1000);
  const { known } = await wss.admin.get("/why?user=42");
  assertEquals([known.partitionCount, known.partitions.length], [1010, 1000]);
});

Deno.test("a degraded stream shows, and the age of the leaders' last answer", async () => {
  using clock = fakeServiceClock();
  const stream = createMuteReader();
  await using wss = await startWss({ ...stream, settings: { DEGRADED_AFTER_SECONDS: 15 } });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  const { answerAge, ...changes } = await watch.changes(wss.admin, {
    degraded: series("degraded"),
    pushes: series("pushes_total", { type: "stream", kind: "degraded" }),
    answerAge: series("kafka_answer_age_seconds"),
  }, async () => {
    stream.isReachable = false;
    clock.tick(16_000);
    while ((await client.next()).status !== "degraded");
  });
  assertEquals(changes, { degraded: 1, pushes: 1 });
  assert(answerAge > 15, `${answerAge} s`);
});

Deno.test("[KAF10] a gauge shows for each kind of trouble whether the log can be read", async () => {
  const log = createEmbeddedLog();
  let events: LogEvents | undefined;
  await using wss = await startWss({
    log,
    createReader: () => createChangedReader(log, (given) => events = given),
  });
  const troubles = {
    unauthorized: series("kafka_trouble", { kind: "unauthorized" }),
    unreachable: series("kafka_trouble", { kind: "unreachable" }),
  };
  events?.onTrouble({ kind: "unreachable", text: "No broker can be reached" });
  events?.onTrouble({ kind: "unauthorized", text: "Not authorized to read topic wss" });
  assertEquals(await watch.values(wss.admin, troubles), { unauthorized: 1, unreachable: 0 });
  events?.onTrouble(null);
  assertEquals(await watch.values(wss.admin, troubles), { unauthorized: 0, unreachable: 0 });
});

Deno.test("metrics show the process and its event loop", async () => {
  await using wss = await startWss();
  const ticks = series("event_loop_delay_seconds_count");
  const { cpuSeconds, heapUsed } = await watch.changes(wss.admin, {
    cpuSeconds: { name: "process_cpu_seconds_total" },
    heapUsed: series("heap_used_bytes"),
    ticks,
  }, () => until("the loop ticks", async () => await wss.admin.metric(ticks) > 2));
  assert(cpuSeconds > 0 && heapUsed !== 0, `${cpuSeconds} s, ${heapUsed} bytes`);

  const labels = { host_env: "testing", version: denoJson.version };
  const { startedAt, memory, external, spareFiles, buildInfo } = await watch.values(wss.admin, {
    startedAt: { name: "process_start_time_seconds" },
    memory: { name: "process_resident_memory_bytes" },
    external: series("heap_external_bytes"),
    spareFiles: series("spare_files"),
    buildInfo: series("build_info", labels),
  });
  assert(Math.abs(startedAt * 1000 - performance.timeOrigin) < 1);
  assert(memory > 1e7 && external > 0, `${memory} and ${external} bytes`);
  assertEquals([spareFiles, buildInfo], [200, 1]);
});

Deno.test("metrics show what the process counts: lines that were dropped, and uncaught errors", async () => {
  const counts = createProcessCounts();
  await using wss = await startWss({ counts });
  const watched = {
    dropped: series("log_lines_dropped_total"),
    errors: series("uncaught_errors_total", { kind: "error" }),
    rejections: series("uncaught_errors_total", { kind: "rejection" }),
  };
  assertEquals(await watch.values(wss.admin, watched), { dropped: 0, errors: 0, rejections: 0 });

  counts.droppedLogLines = 7;
  Object.assign(counts.uncaught, { error: 1, rejection: 2 });

  assertEquals(await watch.values(wss.admin, watched), { dropped: 7, errors: 1, rejections: 2 });
});

Deno.test("the tests above have seen every gauge with a value", async () => {
  await using wss = await startWss();
  const counted = metricNames((await createMetrics().registry.metrics()).split("\n"));
  const names = metricNames(await wss.admin.metrics()).filter((name) => !counted.includes(name));
  assert(names.length > 15, names.join());
  assertEquals(names.filter((name) => !watch.seen.has(name)), []);
});

import { assert, assertEquals } from "@std/assert";
import { Counter, Registry } from "prom-client";
import { createMetrics, SeriesCounter } from "../../src/observe/metrics.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { fakeServiceClock } from "../_support/clock.ts";
import { until } from "../_support/queue.ts";
import { metricNames, MetricsWatch, series } from "../_support/service/metrics.ts";
import { startIssuer } from "../_support/service/issuer.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"] };
const ALICE = { userId: "42", type: "message", data: 1 };

const watch = new MetricsWatch();

Deno.test("connections are counted by endpoint, and disconnects by reason", async () => {
  await using wss = await startWss({ settings: { PING_SECONDS: 1 } });
  const disconnects = (reason: string) => series("disconnects_total", { reason });
  const changes = await watch.changes(wss.admin, {
    accepted: series("connects_total", { endpoint: "/mobile" }),
    open: series("connections", { endpoint: "/mobile" }),
    unsupportedData: disconnects("unsupported_data"),
    client: disconnects("client"),
    pingTimeout: disconnects("ping_timeout"),
  }, async () => {
    await wss.connect("/mobile", { token: "alice" });
    await wss.connect("/mobile");
    const binary = await wss.connect("/mobile");
    binary.socket.send(new Uint8Array(1));
    await binary.ended;
    await (await wss.connect("/mobile"))[Symbol.asyncDispose]();
    using silent = await openRawSocket(`${wss.ws}/mobile`);
    while ((await silent.readFrame())?.opcode === 9);
    await until("3 sessions have ended", () => wss.service.sessions.size === 2);
  });
  assertEquals(changes, { accepted: 5, open: 2, unsupportedData: 1, client: 1, pingTimeout: 1 });
});

const refusals = (reason: string) => series("refusals_total", { reason });

Deno.test("refused upgrades are counted by reason", async () => {
  await using wss = await startWss({
    settings: {
      ALLOWED_ORIGINS: ["https://a.example"],
      MAX_CONNECTIONS: 1,
      AUTH_REQUIRED: true,
    },
  });
  const upgrade = async (headers: Record<string, string>) =>
    await openRawSocket(`${wss.ws}/web`, headers).then(
      (socket) => socket[Symbol.dispose](),
      () => {},
    );
  const changes = await watch.changes(wss.admin, {
    origin: refusals("origin"),
    full: refusals("full"),
    noToken: refusals("no_token"),
    tokenRefused: refusals("token_refused"),
    tokenNotChecked: refusals("token_not_checked"),
    handshake: refusals("handshake"),
  }, async () => {
    await upgrade({ origin: "https://b.example" });
    await upgrade({});
    await upgrade({ authorization: "nobody" });
    wss.backend.on("GET /user", () => new Response(null, { status: 500 }));
    await upgrade({ authorization: "alice" });
    wss.backend.reset("GET /user");
    await upgrade({ authorization: "alice", "sec-websocket-key": "", connection: "x" });
    using _first = await openRawSocket(`${wss.ws}/web`, { authorization: "alice" });
    await upgrade({ authorization: "alice" });
  });
  assertEquals(changes, {
    origin: 1,
    full: 1,
    noToken: 1,
    tokenRefused: 1,
    tokenNotChecked: 1,
    handshake: 1,
  });

  // A token that is refused in the subprotocol's form is a connection; a bad handshake is not.
  const bearer = {
    "sec-websocket-protocol": "bearer.bm9ib2R5",
    "sec-websocket-key": "",
    connection: "x",
  };
  assertEquals(
    await watch.changes(
      wss.admin,
      { tokenRefused: refusals("token_refused"), handshake: refusals("handshake") },
      () => upgrade(bearer),
    ),
    { tokenRefused: 0, handshake: 1 },
  );
});

Deno.test("an upgrade that a draining instance refuses is counted as not ready", async () => {
  await using wss = await startWss({ settings: { DRAIN_SECONDS: 3 } });
  await using _client = await wss.connect("/web");
  const stopped = wss.stop();
  const changes = await watch.changes(
    wss.admin,
    { notReady: refusals("not_ready") },
    () => openRawSocket(`${wss.ws}/web`).catch(() => {}),
  );
  assertEquals(changes, { notReady: 1 });
  await stopped;
});

Deno.test("requests are counted by command and status, and errors by slug", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const command = "getMyNotifications";
  const changes = await watch.changes(wss.admin, {
    ok: series("requests_total", { command, status: "ok" }),
    error: series("requests_total", { command, status: "error" }),
    unknownCommand: series("requests_total", { command: "unknown", status: "error" }),
    invalidOptions: series("request_errors_total", { slug: "invalid-options" }),
    unsupportedCommand: series("request_errors_total", { slug: "unsupported-command" }),
    durations: series("request_duration_seconds_count", { command }),
  }, async () => {
    await client.request(command, LIST);
    await client.request(command, {});
    await client.request('any"thing', {});
  });
  assertEquals(changes, {
    ok: 1,
    error: 1,
    unknownCommand: 1,
    invalidOptions: 1,
    unsupportedCommand: 1,
    durations: 2,
  });
  const lines = await wss.admin.metrics();
  assertEquals(
    lines.filter((line) => line.includes("thing")),
    [],
    "a client chose a label's value",
  );
});

const pushes = (type: string, kind: string) => series("pushes_total", { type, kind });

Deno.test("records, pushes and resumes are counted, and the delay of live pushes", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { ...V1, token: "alice" });
  const { cursor: since } = await client.request("getMyNotifications", LIST);
  const records = (type: string) => series("kafka_records_total", { type });
  const resumes = (outcome: string) => series("resumes_total", { outcome });
  const changes = await watch.changes(wss.admin, {
    livePushes: pushes("notification", "live"),
    caughtUpPushes: pushes("notification", "caught_up"),
    reloadPushes: pushes("update_subscription", "reload"),
    unauthorizedPushes: pushes("authentication", "unauthorized"),
    notificationDelays: series("push_delay_seconds_count", { type: "notification" }),
    reloadDelays: series("push_delay_seconds_count", { type: "update_subscription" }),
    recovered: resumes("recovered"),
    unreadable: resumes("unreadable"),
    reloadMissed: resumes("reload_missed"),
    reloads: series("reloads_total", { outcome: "ok" }),
    notifications: records("notification"),
    reloadRecords: records("update_subscription"),
    logouts: records("logout"),
    emptyRecords: records("empty"),
  }, async () => {
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
  });
  assertEquals(changes, {
    livePushes: 1,
    caughtUpPushes: 1,
    reloadPushes: 2,
    unauthorizedPushes: 2,
    notificationDelays: 1,
    reloadDelays: 0,
    recovered: 1,
    unreadable: 1,
    reloadMissed: 1,
    reloads: 1,
    notifications: 1,
    reloadRecords: 1,
    logouts: 1,
    emptyRecords: 1,
  });
});

Deno.test("pushes about the stream and the server are counted", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss({ settings: { CURSOR_SECONDS: 25 } });
  await using client = await wss.connect("/mobile", { ...V1, token: "alice" });
  const stream = await watch.changes(
    wss.admin,
    { live: pushes("stream", "live") },
    async () => {
      await client.request("getMyNotifications", LIST);
      clock.tick(25_000);
      while ((await client.next()).status !== "live");
    },
  );
  assertEquals(stream, { live: 1 });
  const server = await watch.changes(
    wss.admin,
    { reconnect: pushes("server", "reconnect") },
    async () => {
      const release = wss.backend.hold("GET /notification");
      client.ask("getMyNotifications", LIST);
      await release();
      wss.stop();
      while ((await client.next()).status !== "reconnect");
    },
  );
  assertEquals(server, { reconnect: 1 });
});

Deno.test("failed and shared reloads are counted, and the resyncs that follow", async () => {
  await using wss = await startWss();
  await using one = await wss.connect("/mobile", { ...V1, token: "alice" });
  await using two = await wss.connect("/mobile", { ...V1, token: "alice" });
  await one.request("getMyNotifications", LIST);
  const { event } = await two.request("getMyNotifications", LIST);
  wss.backend.on("GET /notification", () => new Response("no", { status: 400 }));
  const changes = await watch.changes(wss.admin, {
    failed: series("reloads_total", { outcome: "failed" }),
    shared: series("reloads_shared_total"),
    resyncs: series("resyncs_total", { reason: "reload_failed" }),
  }, async () => {
    wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
    for (const client of [one, two]) assertEquals((await client.next()).status, "resync");
  });
  assertEquals(changes, { failed: 1, shared: 1, resyncs: 2 });
});

Deno.test("records that cannot be used are counted by reason", async () => {
  await using wss = await startWss();
  const quarantined = (reason: string) => series("quarantined_total", { reason });
  const changes = await watch.changes(wss.admin, {
    notJson: quarantined("not_json"),
    notUtf8: quarantined("not_utf8"),
    tooManyValues: quarantined("too_many_values"),
    notAMessage: quarantined("not_a_message"),
    unusable: series("kafka_records_total", { type: "unusable" }),
  }, () => {
    wss.log.publish("{");
    wss.log.publish(new Uint8Array([0xff]));
    wss.log.publish(`[${"0,".repeat(100_000)}0]`);
    wss.log.publish('{"type":"other"}');
  });
  const each = { notJson: 1, notUtf8: 1, tooManyValues: 1, notAMessage: 1 };
  assertEquals(changes, { ...each, unusable: 4 });
});

Deno.test("the duration of a request is counted, unless its client has left", async () => {
  await using wss = await startWss();
  const client = await wss.connect("/mobile");
  const command = { command: "getTournament" };
  const release = wss.backend.hold("GET /tournament");
  const { seconds } = await watch.changes(wss.admin, {
    seconds: series("request_duration_seconds_sum", command),
  }, async () => {
    const rid = client.ask("getTournament", { where: { id: "1" } });
    const letGo = await release();
    const heldSince = performance.now();
    await until("100 ms have passed", () => performance.now() - heldSince > 100);
    letGo();
    await client.reply(rid);
  });
  assert(seconds >= 0.1 && seconds < 30, `${seconds} s`);

  const changes = await watch.changes(wss.admin, {
    requests: series("requests_total", command),
  }, async () => {
    client.ask("getTournament", { where: { id: "2" } });
    const letGo = await release();
    await client[Symbol.asyncDispose]();
    await until("the session has ended", () => wss.service.sessions.size === 0);
    letGo();
    await (await wss.connect("/web"))[Symbol.asyncDispose]();
  });
  assertEquals(changes, { requests: 0 });
});

Deno.test("an event loop that is kept busy shows as delay", async () => {
  await using wss = await startWss();
  const ticks = series("event_loop_delay_seconds_count");
  const { delay } = await watch.changes(wss.admin, {
    delay: series("event_loop_delay_seconds_sum"),
    ticks,
  }, async () => {
    const start = performance.now();
    while (performance.now() - start < 400);
    const before = await wss.admin.metric(ticks);
    await until("the delay is observed", async () => await wss.admin.metric(ticks) > before);
  });
  assert(delay > 0.2, `${delay} s`);
});

Deno.test("tokens that are verified, and fetches of their keys, are counted", async () => {
  await using issuer = await startIssuer();
  await using wss = await startWss({ settings: { AUTH_JWKS_URL: issuer.url } });
  await using client = await wss.connect("/web");
  const authToken = await issuer.token("42");
  const logIn = () => client.request("authentication", { authToken });
  assertEquals(
    await watch.changes(wss.admin, {
      ok: series("jwts_total", { verdict: "ok" }),
      fetches: series("key_set_fetches_total", { outcome: "ok" }),
    }, async () => void await Promise.all([logIn(), logIn()])),
    { ok: 2, fetches: 1 },
  );
});

Deno.test("a metric shows which vital parts are up", async () => {
  await using wss = await startWss();
  const part = (name: string) => series("part_up", { part: name });
  assertEquals(
    await watch.values(wss.admin, { clients: part("clients_port"), admin: part("admin_port") }),
    { clients: 1, admin: 1 },
  );
});

Deno.test("the tests above have seen every counter and histogram change", async () => {
  const text = await createMetrics().registry.metrics();
  // Tests of the backend and of the admin port see the others.
  const names = metricNames(text.split("\n"))
    .filter((name) => !/^wss_(backend|admin)_/.test(name));
  assert(names.length > 10, names.join());
  assertEquals(names.filter((name) => !watch.seen.has(name)), []);
});

Deno.test("a series that is increased by hand is written as one of prom-client", async () => {
  const config = { name: "n", help: "h", labelNames: ["a", "b"] };
  const [byHand, byIt] = [new Registry(), new Registry()];
  const kept = new SeriesCounter({ ...config, registers: [byHand] });
  const plain = new Counter({ ...config, registers: [byIt] });
  const [one, two] = [kept.series({ a: "1", b: "x" }), kept.series({ a: "2", b: "x" })];
  const texts = () => Promise.all([byHand.metrics(), byIt.metrics()]);

  const [before, expected] = await texts();
  assertEquals(before, expected);
  for (const count of [3, 1, 2]) {
    one.count += count;
    kept.inc({ a: "1", b: "x" });
    kept.inc({ a: "3", b: "y" }, count);
    plain.inc({ a: "1", b: "x" });
    plain.inc({ a: "3", b: "y" }, count);
    plain.inc({ a: "1", b: "x" }, count);
    const [after, expected] = await texts();
    assertEquals(after, expected);
  }
  two.count++;
  plain.inc({ a: "2", b: "x" });
  const [last, expectedLast] = await texts();
  assertEquals(last, expectedLast);
});

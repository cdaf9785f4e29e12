import { assert, assertEquals, assertMatch } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import { freePort } from "../_support/network/free_port.ts";
import { createAdminClient } from "../_support/service/admin.ts";
import { startBackend } from "../_support/service/backend.ts";
import { createTopic, kafkaTest, readTopic } from "../_support/kafka/topic.ts";
import { startProcess } from "../_support/service/process.ts";
import { until } from "../_support/queue.ts";
import { testEnvironment } from "../_support/service/settings.ts";
import { createChangedReader, replaceIn } from "../_support/service/changed_reader.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const TOKEN = "an-admin-token-0123";
const OPEN = { ADMIN_HOST: "0.0.0.0", ADMIN_TOKEN: TOKEN };

Deno.test("/sessions shows all sessions, or those of a user", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  await using _bob = await wss.connect("/mobile", { token: "bob" });
  await using _guest = await wss.connect("/web");
  const { event } = await alice.request("getMyNotifications", LIST);

  const { counts, sessions } = await wss.admin.get("/sessions");
  assertEquals(counts, { sessions: 3, users: 2, subscriptions: 1, behind: 0 });
  assertEquals(
    sessions.map(({ user, endpoint }: Record<string, unknown>) => [user, endpoint]),
    [["42", "/web"], ["43", "/mobile"], [null, "/web"]],
  );
  const own = await wss.admin.get("/sessions?user=42");
  assertEquals([own.counts.sessions, own.sessions.length], [1, 1]);
  const [{ id, ageSeconds, unsentBytes, subscriptionCount }] = own.sessions;
  assertEquals([ageSeconds, unsentBytes, subscriptionCount], [0, 0, 1]);
  const { subscriptions: [{ since, ...subscription }] } = await wss.admin.get(`/sessions/${id}`);
  assertMatch(since, /^20/);
  assertEquals(subscription, {
    id: event,
    resource: "notification",
    where: { userId: "42", types: [] },
    state: "live",
  });
  assertEquals((await wss.admin.get(`/sessions/${id}`)).user, "42");
  assertEquals((await wss.admin.get("/sessions?limit=2")).sessions.length, 2);
  assertEquals((await wss.admin.get("/sessions?user=nobody")).sessions, []);
  assertEquals((await wss.admin.request("/sessions?limit=1001")).status, 400);
  assertEquals((await wss.admin.request("/sessions/nobody")).body, {
    error: 'There is no session "nobody"',
  });
});

Deno.test("/sessions counts each user once, however many sessions the user has", async () => {
  await using wss = await startWss();
  await using _phone = await wss.connect("/mobile", { token: "alice" });
  await using _page = await wss.connect("/web", { token: "alice" });
  await using _bob = await wss.connect("/web", { token: "bob" });
  await using _guest = await wss.connect("/web");
  const countsOf = async (path: string) => {
    const { counts: { sessions, users } } = await wss.admin.get(path);
    return { sessions, users };
  };

  assertEquals(await countsOf("/sessions?limit=1"), { sessions: 4, users: 2 });
  assertEquals(await countsOf("/sessions?user=42"), { sessions: 2, users: 1 });
});

Deno.test("POST /sessions/ID/close closes a session, whose client may connect again", async () => {
  await using wss = await startWss();
  const client = await wss.connect("/web");
  const { sessions: [{ id }] } = await wss.admin.get("/sessions");

  assertEquals((await wss.admin.post(`/sessions/${id}/close`)).body, { id, closed: true });

  assertEquals(await client.ended, { code: 1012, reason: "Closed by an operator; connect again" });
  assertEquals((await wss.admin.get("/sessions")).counts.sessions, 0);
  assertEquals((await wss.admin.post(`/sessions/${id}/close`)).status, 404);
});

Deno.test("a session ends as soon as an operator closes it, whatever its peer does", async () => {
  await using wss = await startWss();
  using _stuck = await openRawSocket(`${wss.ws}/web`);
  const { sessions: [{ id }] } = await wss.admin.get("/sessions");
  assertEquals((await wss.admin.post(`/sessions/${id}/close`)).status, 200);
  assertEquals((await wss.admin.request(`/sessions/${id}`)).status, 404);
  assertEquals((await wss.admin.post(`/sessions/${id}/close`)).status, 404);
});

Deno.test("[KAF6] /quarantine lists records, and /quarantine/replay writes a record again, once", async () => {
  await using wss = await startWss();
  await using other = await startWss({ log: wss.log, backend: wss.backend });
  wss.log.publish("{");
  const place = { partition: 0, offset: 0 };

  const { total, records: [record] } = await wss.admin.get("/quarantine");
  assertEquals({ total, reason: record.reason, replayed: record.replayed }, {
    total: 1,
    reason: "not JSON",
    replayed: false,
  });
  assertMatch(record.timestamp, /^20/);

  const dry = await wss.admin.post("/quarantine/replay", place);
  assertEquals([dry.status, dry.body.written], [200, false]);
  assertEquals((await wss.admin.get("/quarantine")).total, 1);

  const replayed = await wss.admin.post("/quarantine/replay", { ...place, dryRun: false });
  assertEquals(replayed.body, { id: "0-0", reason: "not JSON", written: true });
  const { records } = await wss.admin.get("/quarantine");
  assertEquals(
    records.map(({ offset, replayed }: Record<string, unknown>) => [offset, replayed]),
    [[0, true], [1, false]],
  );
  for (const { admin } of [wss, other]) {
    const again = await admin.post("/quarantine/replay", { ...place, dryRun: false });
    assertEquals(again.status, 409);
    assertEquals((await admin.get("/quarantine")).total, 2);
  }
});

kafkaTest(
  "[KAF6] on Kafka, a record in quarantine is written again unchanged, once",
  async () => {
    await using topic = await createTopic({ partitions: 2 });
    await using wss = await topic.startWss();
    await using reader = await readTopic(topic.name);
    await topic.produce(["null"], { partition: 1 });
    // The header of its producer says that this record is its own replay.
    const headers = { trace: "t", replays: "1-1" };
    await topic.produce(["{"], { partition: 1, headers, key: "k" });
    const total = async () => (await wss.admin.get("/quarantine")).total;
    await until("both are there", async () => await total() === 2);

    const replay = () =>
      wss.admin.post("/quarantine/replay", { partition: 1, offset: 1, dryRun: false });
    const answers = await Promise.all([replay(), replay()]);

    assertEquals(answers.map(({ status }) => status).sort(), [200, 409]);
    await until("it is read again", async () => await total() === 3);
    const { records } = await wss.admin.get("/quarantine");
    assertEquals(
      records.map(({ offset, replayed }: Record<string, unknown>) => [offset, replayed]),
      [[0, false], [1, true], [2, false]],
    );
    assertEquals((await replay()).status, 409);
    const read = await reader.take(3);
    assertEquals(read[2], {
      partition: 1,
      key: "k",
      value: "{",
      headers: { trace: "t", replays: "1-1" },
    });
  },
);

Deno.test("/quarantine shows a record with an impossible timestamp", async () => {
  const log = createEmbeddedLog();
  let events: LogEvents | undefined;
  const createReader = () => createChangedReader(log, (given) => events = given);
  await using wss = await startWss({ createReader });
  const value = new TextEncoder().encode("{");
  events?.onRecord({ partition: 0, offset: 0, timestamp: 9e15, value });
  events?.onRecord({ partition: 0, offset: 1, timestamp: -1, value });
  assertEquals((await wss.admin.get("/quarantine")).records.length, 2);
});

Deno.test("a replay that has failed can be tried again", async () => {
  const log = createEmbeddedLog();
  let isUp = false;
  const reader = log.createReader();
  await using wss = await startWss({
    log,
    createReader: () =>
      replaceIn(reader, {
        replay: (place) => isUp ? reader.replay(place) : Promise.reject(new Error("no broker")),
      }),
  });
  log.publish("{");
  const replay = () =>
    wss.admin.post("/quarantine/replay", { partition: 0, offset: 0, dryRun: false });
  const failed = await replay();
  assertEquals(failed.status, 502);
  assertEquals(
    failed.body.error,
    "Record 0-0 may not have been written again: no broker; look at /quarantine before you retry",
  );
  isUp = true;
  assertEquals((await replay()).body.written, true);
});

Deno.test("four records are written again at once at most", async () => {
  const log = createEmbeddedLog();
  const reader = log.createReader();
  const { promise: isUp, resolve: letGo } = Promise.withResolvers<void>();
  let begun = 0;
  await using wss = await startWss({
    log,
    createReader: () =>
      replaceIn(reader, {
        async replay(place) {
          begun++;
          await isUp;
          await reader.replay(place);
        },
      }),
  });
  for (let i = 0; i < 6; i++) log.publish("{");
  const replay = async (offset: number) =>
    (await wss.admin.post("/quarantine/replay", { partition: 0, offset, dryRun: false })).status;
  const first = [0, 1, 2, 3].map(replay);
  await until("they are begun", () => begun === 4);
  assertEquals([await replay(0), await replay(4)], [503, 503]);
  letGo();
  assertEquals(await Promise.all(first), [200, 200, 200, 200]);
  assertEquals(await replay(4), 200);
});

Deno.test("a replay request that cannot be used is refused with the reason, and writes nothing", async () => {
  await using wss = await startWss();
  wss.publish("notification", { userId: "42", type: "a" });
  const attempts: [unknown, number, RegExp][] = [
    [{}, 400, /^Cannot take partition: /],
    [{ partition: 0, offset: 0.5 }, 400, /^Cannot take offset: /],
    [{ partition: 0, offset: 0 }, 404, /^Record 0-0 is not in quarantine$/],
    [[], 400, /^Cannot take the body: /],
  ];
  for (const [request, status, error] of attempts) {
    const { status: got, body } = await wss.admin.post("/quarantine/replay", request);
    assertEquals(got, status);
    assertMatch(body.error, error);
  }
  const noJson = await wss.admin.request("/quarantine/replay", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{",
  });
  assertEquals([noJson.status, noJson.body.error], [400, "Cannot read the body: it is not JSON"]);
  const large = await wss.admin.post("/quarantine/replay", { partition: "x".repeat(2000) });
  assertEquals([large.status, large.body.error], [413, "The body has more than 1024 bytes"]);
  assertEquals(wss.service.stream.positions, [1]);
});

Deno.test("the admin port refuses requests of web pages", async () => {
  await using wss = await startWss();
  const { host } = new URL(wss.admin.url);
  const json = { "content-type": "application/json" };
  const path = "/quarantine/replay";
  const get = (headers: Record<string, string>) => wss.admin.request("/sessions", { headers });
  const post = (headers: Record<string, string>) =>
    wss.admin.request(path, { method: "POST", headers, body: "{}" });

  assertEquals((await get({ origin: "https://evil.example" })).status, 403);
  assertEquals((await get({ origin: "null" })).status, 403);
  assertEquals((await get({ origin: `http://${host}` })).status, 200);
  for (const site of ["same-origin", "none"]) {
    assertEquals((await get({ "sec-fetch-site": site })).status, 200, site);
  }
  for (const site of ["cross-site", "same-site", "none, cross-site", ""]) {
    const headers = { "sec-fetch-site": site };
    for (const path of ["/sessions", "/metrics", "/healthz", "/dashboard.json", "/nothing"]) {
      assertEquals((await wss.admin.request(path, { headers })).status, 403, `${site} ${path}`);
    }
    assertEquals((await post({ ...json, ...headers })).status, 403, site);
  }
  assertEquals((await post({ ...json, origin: "https://evil.example" })).status, 403);
  assertEquals((await post({ "content-type": "text/plain" })).status, 415);
  assertEquals((await post({ "content-type": "application/json-patch+json" })).status, 415);
  assertEquals((await post({ "content-type": "application/x-www-form-urlencoded" })).status, 415);
  // A foreign name that was made to lead to this machine.
  for (const host of ["evil.example", "127.0.0.1.evil.example"]) {
    const conn = await Deno.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(wss.admin.url).port),
    });
    await conn.write(new TextEncoder().encode(`GET /sessions HTTP/1.0\r\nHost: ${host}\r\n\r\n`));
    const answer = await new Response(conn.readable).text();
    assertMatch(answer, /^HTTP\/1\.. 403/);
  }
});

Deno.test("off loopback everything but health and metrics needs the token", async () => {
  await using wss = await startWss({ settings: OPEN });
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    assertEquals((await wss.admin.request(path)).status, 200, path);
  }
  for (const path of ["/sessions", "/why?user=42", "/quarantine", "/dashboard.json", "/nothing"]) {
    assertEquals((await wss.admin.request(path)).status, 401, path);
    for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`]) {
      const { status } = await wss.admin.request(path, { headers: { authorization } });
      assertEquals(status, path === "/nothing" ? 404 : 200, path);
    }
  }
  assertEquals((await wss.admin.post("/sessions/x/close")).status, 401);
  for (const authorization of ["", TOKEN, "Bearer wrong", `Bearer ${TOKEN}x`]) {
    const { status } = await wss.admin.request("/sessions", { headers: { authorization } });
    assertEquals(status, 401, authorization);
  }
});

Deno.test("the clients' port has no admin paths, and each admin path allows one method", async () => {
  await using wss = await startWss();
  for (const path of ["/metrics", "/sessions", "/why", "/quarantine", "/dashboard.json"]) {
    const response = await fetch(wss.http + path);
    await response.body?.cancel();
    assertEquals(response.status, 404, path);
    assertEquals((await wss.admin.request(path, { method: "DELETE" })).status, 405, path);
  }
  assertEquals((await wss.admin.request("/quarantine/replay")).status, 405);
  assertEquals((await wss.admin.request("/why/x")).status, 404);
  assertEquals((await wss.admin.get("/dashboard.json")).title, "wss");
});

kafkaTest(
  "the admin port of a process is on loopback, and the log shows its address",
  async () => {
    await using topic = await createTopic();
    await using backend = startBackend();
    const port = freePort();
    const env = { ...testEnvironment(backend.origin), ...topic.env };
    await using wss = await startProcess({ env: { ...env, ADMIN_PORT: String(port) } });
    assertMatch(await wss.line(/admin/i), new RegExp(`127.0.0.1:${port}`));
    await wss.line(/Ready/);
    const admin = createAdminClient(`http://127.0.0.1:${port}`);
    assertEquals((await admin.request("/readyz")).status, 200);
    const { address } =
      Deno.networkInterfaces().find(({ family, address }) =>
        family === "IPv4" && !address.startsWith("127.")
      ) ?? {};
    if (address) {
      await Deno.connect({ hostname: address, port }).then(
        () => assert(false, "it listens on all addresses"),
        (error) => assert(error instanceof Deno.errors.ConnectionRefused, String(error)),
      );
    }
  },
);

Deno.test("an admin port off loopback without a token ends the start", async () => {
  const env = {
    ...testEnvironment("http://127.0.0.1:1"),
    ADMIN_PORT: "3111",
    ADMIN_HOST: "0.0.0.0",
  };
  await using wss = await startProcess({ env });
  assertEquals(await wss.exitCode(), 2);
  assertEquals(wss.complaints, [
    "ADMIN_TOKEN is missing: expected at least 16 ASCII characters without spaces, 8 of them different, " +
    'because ADMIN_HOST is "0.0.0.0", which is not loopback',
  ]);
});

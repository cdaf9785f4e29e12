import FakeTimers from "@sinonjs/fake-timers";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LogRecord } from "@logtape/logtape";
import { createRepeatFilter } from "../../src/observe/repeat_filter.ts";
import { freePort } from "../_support/network/free_port.ts";
import { createAdminClient } from "../_support/service/admin.ts";
import { startBackend } from "../_support/service/backend.ts";
import { connect } from "../_support/clients/client.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { startDev, startProcess } from "../_support/service/process.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const LIST = { where: { types: [] } };

function record(level: LogRecord["level"], text: string): LogRecord {
  return {
    level,
    category: ["wss", "test"],
    message: ["It is ", text, "."],
    rawMessage: "It is {text}.",
    timestamp: Date.now(),
    properties: { text },
  };
}

Deno.test("of very many different warnings, those beyond a hundred count as equal", () => {
  const lines: unknown[] = [];
  const filter = createRepeatFilter((record) => lines.push(record));
  for (let n = 0; n < 1000; n++) {
    filter({ ...record("warning", ""), properties: { reason: `reason ${n}` } });
  }
  assertEquals(lines.length, 101);
  filter[Symbol.dispose]();
});

Deno.test("an equal warning is logged once, and then with the number of its repetitions", () => {
  const clock = FakeTimers.install();
  try {
    const lines: string[] = [];
    const filter = createRepeatFilter(({ message, properties }) =>
      lines.push(`${message.join("")} ${properties.repeated ?? ""}`.trim())
    );
    for (const n of [1, 2, 3]) filter(record("warning", `warning ${n}`));
    for (const n of [1, 2]) filter(record("error", `error ${n}`));
    for (const n of [1, 2]) filter(record("info", `info ${n}`));
    assertEquals(lines.splice(0), [
      "It is warning 1.",
      "It is error 1.",
      "It is error 2.",
      "It is info 1.",
      "It is info 2.",
    ]);
    clock.tick(30_000);
    assertEquals(lines.splice(0), ["It is warning 3. (repeated: 2) 2"]);
    filter(record("warning", "warning 4"));
    clock.tick(30_000);
    assertEquals(lines.splice(0), ["It is warning 4. (repeated: 1) 1"]);
    clock.tick(60_000);
    filter(record("warning", "warning 5"));
    filter(record("warning", "warning 6"));
    assertEquals(lines.splice(0), ["It is warning 5."]);
    filter[Symbol.dispose]();
    assertEquals(lines, ["It is warning 6. (repeated: 1) 1"]);
    assertEquals(clock.countTimers(), 0);
    lines.length = 0;
    for (const api of ["user", "user", "notification"]) {
      filter({ ...record("warning", api), properties: { api } });
    }
    for (let n = 0; n < 12; n++) filter(record("error", `error ${n}`));
    assertEquals(lines.length, 2 + 10);
    filter[Symbol.dispose]();
    assertEquals(lines.slice(12), [
      "It is user. (repeated: 1) 1",
      "It is error 11. (repeated: 2) 2",
    ]);
  } finally {
    clock.uninstall();
  }
});

kafkaTest("a log line is JSON with session, rid and command", async () => {
  await using topic = await createTopic();
  await using backend = startBackend({ users: { alice: "42" } });
  const env = { ...testEnvironment(backend.origin), ...topic.env, LOG_LEVEL: "debug" };
  await using wss = await startProcess({ env: { ...env, INSTANCE_ID: "one" } });
  const url = `ws://127.0.0.1:${await wss.port()}/web`;
  await wss.line(/Ready/);
  await using client = await connect(url, { token: "alice" });
  await client.request("getMyNotifications", LIST);

  const connected = JSON.parse(await wss.line(/A client connected/));
  const answered = JSON.parse(await wss.line(/Answered getMyNotifications/));
  assertEquals({
    level: connected.level,
    instance: connected.instance,
    endpoint: connected.endpoint,
  }, { level: "debug", instance: "one", endpoint: "/web" });
  const { level, session, rid, command, status, time } = answered;
  assertEquals({ level, rid, command, status }, {
    level: "debug",
    rid: 2,
    command: "getMyNotifications",
    status: "ok",
  });
  assertEquals(session, connected.session);
  assertMatch(time, /^20\d\d-.*Z$/);

  backend.on("GET /notification", () => new Response(null, { status: 500 }));
  await client.request("getMyNotifications", LIST);
  await client.request("getMyNotifications", LIST);
  const warning = JSON.parse(await wss.line(/"warning"/));
  assertEquals(
    warning.message,
    "A request to the notification API failed with backend-unavailable: it answered 500; " +
      "is the API up, and is its URL right?",
  );
  wss.kill();
  assertMatch(await wss.line(/\(repeated:/), /\(repeated: 1\)/);
});

kafkaTest("[ERR3] no log line, answer of the admin port or metric has a token", async () => {
  await using topic = await createTopic();
  const mark = "5ecret";
  const token = `alice-${mark}`;
  const renewed = `again-${mark}`;
  await using backend = startBackend({ users: { [token]: "42", [renewed]: "42" } });
  const port = freePort();
  await using wss = await startProcess({
    env: {
      ...testEnvironment(backend.origin),
      ...topic.env,
      LOG_LEVEL: "debug",
      ADMIN_PORT: String(port),
      ADMIN_TOKEN: `admin-${mark}-0123456789`,
      KAFKA_SASL_PASSWORD: "",
      AUTH_CACHE_SECONDS: "0",
      AUTH_REVALIDATE_SECONDS: "1",
      BACKEND_TIMEOUT_MS: "1000",
    },
  });
  const url = `ws://127.0.0.1:${await wss.port()}/web`;
  await wss.line(/Ready/);
  const bearer = (text: string) =>
    `bearer.${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;

  // With the upgrade: a good token and a refused one, in both forms and in the URL.
  for (const text of [token, `nobody-${mark}`]) {
    for (const headers of [{ authorization: text }, { "sec-websocket-protocol": bearer(text) }]) {
      await openRawSocket(`${url}?token=${mark}`, headers as Record<string, string>)
        .then((socket) => socket[Symbol.dispose](), () => {});
    }
  }
  await using client = await connect(url);
  const attempts: unknown[] = [
    { authToken: token },
    { authToken: renewed, update: true },
    { authToken: `nobody-${mark}` },
    { authToken: `nobody-${mark}`, update: true },
    { authToken: `${mark}\r\nx: y` },
    { authToken: { token: mark } },
  ];
  for (const options of attempts) await client.request("authentication", options);
  for (const text of [`{"token":"${mark}`, `["${mark}"]`]) {
    client.send(text);
    await client.reply(-1);
  }
  await client.request(`command-${mark}`, {});
  await client.request("getMyNotifications", LIST);
  // In trouble: a backend that repeats it, breaks off, is slow, or refuses a check.
  for (
    const answer of [
      () => new Response(`no ${mark}`, { status: 500 }),
      () => new Response(`no ${mark}`, { status: 404 }),
      () => Response.json({ id: { mark } }),
      () => new Response(`{"${mark}`),
      () => new Promise<Response>(() => {}),
    ]
  ) {
    backend.on("GET /user", answer);
    await client.request("authentication", { authToken: `more-${mark}` });
  }
  backend.on("GET /user", () => Response.json({ message: mark }, { status: 401 }));
  await topic.produce([`{"type":"${mark}`, { type: mark }]);
  await wss.line(/was skipped/);

  const admin = createAdminClient(`http://127.0.0.1:${port}`);
  const authorization = `Bearer admin-${mark}-0123456789`;
  for (const path of ["/metrics", "/sessions", "/why?user=42", "/quarantine", "/dashboard.json"]) {
    const { text } = await admin.request(path, { headers: { authorization } });
    assert(!text.includes(mark), `${path}: ${text}`);
  }
  await admin.request("/sessions", { headers: { authorization: `Bearer wrong-${mark}` } });
  wss.kill();
  assertEquals(await wss.exitCode(), 0);

  const lines = [...wss.said, ...wss.complaints];
  assert(lines.length > 20, `${lines.length} lines`);
  assertEquals(lines.filter((line) => line.includes(mark)), []);
  assertEquals(lines.filter((line) => line.includes(btoa(mark).slice(0, 6))), []);
});

Deno.test("in development, log lines are text for people", async () => {
  await using dev = await startDev();
  assertMatch(await dev.line(/Ready/), /^[^{]*INF.*Ready: clients are served/);
});

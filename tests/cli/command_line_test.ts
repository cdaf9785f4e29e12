import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import denoJson from "../../deno.json" with { type: "json" };
import { findAdvice } from "../../src/cli/check_config.ts";
import { startBackend } from "../_support/service/backend.ts";
import { connect } from "../_support/clients/client.ts";
import { filesBelow, read } from "../house/files.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { freePort } from "../_support/network/free_port.ts";
import { startSilentServer } from "../_support/network/silent_server.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { isBinary, type ProcessOptions, startProcess } from "../_support/service/process.ts";
import { until } from "../_support/queue.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

const REQUIRED = {
  KAFKA_BROKERS: "127.0.0.1:1",
  API_URL_USER: "http://127.0.0.1/users/me",
  API_URL_NOTIFICATION: "http://127.0.0.1/users/me/notifications",
};

/** Runs a command line to its end. */
async function run(options: ProcessOptions) {
  await using wss = await startProcess(options);
  return { code: await wss.exitCode(), out: wss.said, err: wss.complaints };
}

Deno.test("--version prints the version, and --help all options and subcommands", async () => {
  assertEquals(await run({ args: ["--version"] }), { code: 0, out: [denoJson.version], err: [] });
  const { code, out, err } = await run({ args: ["--help"] });
  assertEquals([code, err], [0, []]);
  const options = ["--check-config", "--health", "--asyncapi", "--openapi", "--version", "--help"];
  for (const told of ["wss connect", "wss publish", "wss check", ...options]) {
    assert(out.some((line) => line.includes(told)), told);
  }
});

Deno.test("-h is --help, of subcommands as well", async () => {
  for (const command of [[], ["connect"], ["publish"], ["check"]]) {
    const long = await run({ args: [...command, "--help"] });
    assertEquals(await run({ args: [...command, "-h"] }), long);
    assertEquals([long.code, long.err, long.out.length > 5], [0, [], true]);
  }
});

Deno.test({
  name: "a result that can't be written ends with exit code 1 and one line that says why",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const options = ["--version", "--help", "--asyncapi", "--openapi", "--check-config"];
    for (const args of [...options.map((option) => [option]), ["check", "--help"], ["check"]]) {
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", 'exec "$@" > /dev/full', "sh", Deno.execPath(), "run", "-A", MAIN, ...args],
        env: { ...REQUIRED, NO_COLOR: "1" },
      }).output();
      assertEquals(
        [code, new TextDecoder().decode(stderr)],
        [1, "Cannot write to stdout: No space left on device (os error 28)\n"],
        args.join(" "),
      );
    }
  },
});

Deno.test("only a service that is no binary advises a task", () => {
  for (const standalone of [false, true]) {
    const advice = findAdvice(new Map(), { standalone });
    assertEquals(advice?.includes("deno task dev") ?? false, !standalone);
  }
});

Deno.test("no other text that a binary has advises a task", async () => {
  const advising: string[] = [];
  for (const file of await filesBelow("src/")) {
    if (!file.endsWith(".ts") || /^src\/(dev|build)\//.test(file)) continue;
    const code = (await read(file)).split("\n").filter((line) =>
      !/^\s*(\/\*\*|\*|\/\/)/.test(line)
    );
    if (code.some((line) => line.includes("deno task"))) advising.push(file);
  }
  assertEquals(advising, ["src/cli/check_config.ts"]);
});

Deno.test("an unknown argument is an error with exit code 2", async () => {
  for (const args of [["--nope"], ["serve"], ["--asyncapi", "--help"], ["--help=yes"]]) {
    const { code, out, err } = await run({ args, env: REQUIRED });
    assertEquals(
      { code, out, errors: err.length },
      { code: 2, out: [], errors: 1 },
      args.join(" "),
    );
  }
  const { err } = await run({ args: ["serve"] });
  assertEquals(err, [
    "Unknown argument 'serve': expected connect, publish, check or an option. See wss --help",
  ]);
});

Deno.test("wrong settings stop the start with exit code 2 and one line for each problem", async () => {
  const { code, out, err } = await run({ env: { PORT: "http", API_URL_USER: "{{url}}" } });
  assertEquals([code, out], [2, []]);
  assertEquals(err, [
    "KAFKA_BROKERS is missing: expected a comma-separated list of host:port, such as " +
    "localhost:9092 or [::1]:9092",
    'PORT is "http": expected a whole number from 0 to 65535',
    'API_URL_USER is "{{url}}", a template that was not filled in: ' +
    "expected an http or https URL without a password",
    "API_URL_NOTIFICATION is missing: expected an http or https URL without a password",
    ...isBinary ? [] : ["To try wss without Kafka: deno task dev"],
  ]);
});

Deno.test("--check-config prints every setting with its source, but no secret", async () => {
  const { code, out, err } = await run({
    args: ["--check-config"],
    env: { ...REQUIRED, PORT: "", HOSTNAME: "pod-7" },
    dotEnv: [
      "PORT=4000",
      "KAFKA_BROKERS=ignored:1",
      "KAFKA_SASL_MECHANISM=plain",
      "KAFKA_SASL_USERNAME=me",
      "KAFKA_SASL_PASSWORD='s3cr3t # not a comment'",
    ].join("\n"),
  });
  const row = (name: string) => out.find((line) => line.startsWith(`${name} `))?.split(/ {2,}/);
  assertEquals([code, err], [0, []]);
  assertEquals(row("PORT"), ["PORT", "4000", ".env"]);
  assertEquals(row("KAFKA_BROKERS"), ["KAFKA_BROKERS", "127.0.0.1:1", "environment"]);
  assertEquals(row("KAFKA_TOPIC"), ["KAFKA_TOPIC", "wss", "default: wss"]);
  assertEquals(row("INSTANCE_ID")?.[1], "pod-7");
  assertEquals(row("KAFKA_SASL_PASSWORD"), ["KAFKA_SASL_PASSWORD", "(hidden)", ".env"]);
  assert(!out.join().includes("s3cr3t"));
});

Deno.test("--check-config prints problems as well, and ends with exit code 2", async () => {
  const { code, out, err } = await run({
    args: ["--check-config"],
    env: { ...REQUIRED, PORT: "x" },
  });
  assertEquals([code, err], [2, ['PORT is "x": expected a whole number from 0 to 65535']]);
  assert(out.some((line) => line.startsWith("KAFKA_TOPIC ")));

  const unreadable = await run({
    args: ["--check-config"],
    env: { ...REQUIRED, KAFKA_SSL: "certs/none.pem" },
  });
  assertEquals([unreadable.code, unreadable.err.length], [2, 1]);
  assertMatch(unreadable.err[0] ?? "", /^KAFKA_SSL is "certs\/none\.pem", which cannot be read: /);
  assert(unreadable.out.some((line) => line.startsWith("KAFKA_TOPIC ")));
});

Deno.test("a name in .env that looks like a typo gets a warning", async () => {
  const { code, err } = await run({
    args: ["--check-config"],
    env: REQUIRED,
    dotEnv: "KAFKA_TOPICS=a\nkafka_topic=b\nSOMETHING_ELSE=c\nPORT=1\n",
  });
  assertEquals(code, 0);
  assertEquals(err, [
    ".env sets KAFKA_TOPICS, which is not a setting. Did you mean KAFKA_TOPIC?",
    ".env sets kafka_topic, which is not a setting. Did you mean KAFKA_TOPIC?",
  ]);
});

for (const task of ["start", "dev"] as const) {
  Deno.test(`a .env that cannot be read ends ${task} with exit code 2 and one line`, async () => {
    const { code, out, err } = await run({ task, env: REQUIRED, dotEnv: { isFolder: true } });
    assertEquals([code, out, err.length], [2, [], 1]);
    assertMatch(err.join(), /^Cannot read \.env: Is a directory/);
  });
}

Deno.test("a .env with a byte order mark keeps its first setting", async () => {
  const { code, out, err } = await run({
    args: ["--check-config"],
    env: REQUIRED,
    dotEnv: "\ufeffKAFKA_TOPIC=a\nPORT=1\n",
  });
  assertEquals([code, err], [0, []]);
  assert(out.some((line) => /^KAFKA_TOPIC +a +\.env$/.test(line)), out.join("\n"));
});

Deno.test("a .env in UTF-16 ends the start with exit code 2 and one line that says so", async () => {
  for (const mark of ["\ufeff", ""]) {
    const little = Buffer.from(`${mark}KAFKA_TOPIC=a\r\n`, "utf16le");
    for (const dotEnv of [new Uint8Array(little), new Uint8Array(little.swap16())]) {
      assertEquals(await run({ env: REQUIRED, dotEnv }), {
        code: 2,
        out: [],
        err: ["Cannot read .env: its text is UTF-16; save it as UTF-8"],
      });
    }
  }
});

Deno.test("--health requests the health of the running service", async () => {
  await using backend = startBackend();
  const env = { ...REQUIRED, HOST: "127.0.0.1", API_URL_USER: backend.origin, ADMIN_PORT: "0" };
  await using wss = await startProcess({ env: { ...env, PORT: "0" } });
  const { port } = JSON.parse(await wss.line(/Listening/));

  const healthy = await run({ args: ["--health"], env: { PORT: String(port) } });
  wss.kill("SIGTERM");
  await wss.exitCode();
  const gone = await run({ args: ["--health"], env: { PORT: String(port) } });

  assertEquals(healthy, { code: 0, out: [], err: [] });
  assertEquals([gone.code, gone.err.length], [1, 1]);
});

Deno.test("--health asks the service itself, and no proxy of the environment", async () => {
  await using backend = startBackend();
  const env = { ...REQUIRED, HOST: "127.0.0.1", API_URL_USER: backend.origin, ADMIN_PORT: "0" };
  await using wss = await startProcess({ env: { ...env, PORT: "0" } });
  const { port } = JSON.parse(await wss.line(/Listening/));
  for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) {
    const proxied = { PORT: String(port), [name]: "http://127.0.0.1:9" };
    assertEquals(await run({ args: ["--health"], env: proxied }), { code: 0, out: [], err: [] });
  }
});

Deno.test("--health ends with exit code 1 and one line that says why the service is not healthy", async () => {
  const health = (env: Record<string, string>, options: ProcessOptions = {}) =>
    run({ ...options, args: ["--health"], env });
  const port = String(freePort());
  await using silent = startSilentServer();
  const [host = "", silentPort = ""] = silent.address.split(":");
  await using failing = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(null, { status: 503 }),
  );
  const failingPort = String(failing.addr.port);
  for (
    const [result, reason] of [
      [health({ PORT: port }), /^The service is not healthy: 127\.0\.0\.1:\d+: .*ECONNREFUSED/],
      [health({ HOST: "::1", PORT: port }), /^The service is not healthy: \[::1\]:\d+: .*E[A-Z]+/],
      [health({ HOST: "no.such.host.invalid" }), /no\.such\.host\.invalid:3110: .*ENOTFOUND/],
      [health({ HOST: host, PORT: silentPort }), /: no answer within 3000 ms$/],
      [health({ PORT: failingPort }), /127\.0\.0\.1:\d+ answered 503$/],
      [health({ PORT: "x" }), /^PORT is "x": expected a whole number from 0 to 65535$/],
      [health({}, { dotEnv: { isFolder: true } }), /^Cannot read \.env: Is a directory/],
    ] as const
  ) {
    const { code, out, err } = await result;
    assertEquals([code, out, err.length], [1, [], 1], err.join("\n"));
    assertMatch(err[0] ?? "", reason);
  }
});

for (const name of ["PORT", "ADMIN_PORT"]) {
  Deno.test(`if ${name} is taken, the start ends with exit code 1 and a log line`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const env = {
      ...REQUIRED,
      HOST: "127.0.0.1",
      PORT: "0",
      ADMIN_PORT: "0",
      [name]: String(port),
    };

    const { code, out, err } = await run({ env });

    assertEquals(code, 1);
    const line = JSON.parse([...out, ...err].join(""));
    assertEquals([line.level, line.port], ["error", port]);
    assert(line.message.startsWith(`Cannot listen on 127.0.0.1:${port}: AddrInUse`), line.message);
  });
}

Deno.test("an IPv6 address is in brackets in every log line that has a port", async () => {
  const adminPort = String(freePort());
  const ports = { PORT: "0", ADMIN_PORT: adminPort };
  const env = { ...REQUIRED, HOST: "::1", ADMIN_HOST: "::1", ...ports };
  await using wss = await startProcess({ env });
  const clients = JSON.parse(await wss.line(/Listening/));
  const admin = JSON.parse(await wss.line(/admin port/));
  const taken = await run({ env: { ...env, PORT: String(clients.port), ADMIN_PORT: "0" } });

  assertEquals(clients.message, `Listening on [::1]:${clients.port}`);
  assertEquals(admin.message, `The admin port is [::1]:${adminPort}`);
  const { message } = JSON.parse([...taken.out, ...taken.err].join(""));
  assert(message.startsWith(`Cannot listen on [::1]:${clients.port}: AddrInUse`), message);
});

Deno.test("a log line is JSON with time, level, message, instance and deployment", async () => {
  const env = {
    ...REQUIRED,
    HOST: "127.0.0.1",
    PORT: "0",
    ADMIN_PORT: "0",
    INSTANCE_ID: "i-1",
    HOST_ENV: "blue",
  };
  await using wss = await startProcess({ env });
  const line = JSON.parse(await wss.line(/Listening/));
  assertEquals({ level: line.level, instance: line.instance, hostEnv: line.hostEnv }, {
    level: "info",
    instance: "i-1",
    hostEnv: "blue",
  });
  assertEquals(line.message, `Listening on 127.0.0.1:${line.port}`);
  assert(!Number.isNaN(Date.parse(line.time)));
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  kafkaTest(
    `${signal} ends the process with 0 after all requests under way, although a peer reads nothing`,
    async () => {
      await using topic = await createTopic();
      await using backend = startBackend({ users: { alice: "42" } });
      const env = { ...testEnvironment(backend.origin), ...topic.env };
      // High, so that the client that reads nothing is not closed before the signal.
      const limits = { BACKEND_TIMEOUT_MS: "1000", MAX_BUFFERED_BYTES: "100000000" };
      await using wss = await startProcess({ env: { ...env, ...limits } });
      const { port } = JSON.parse(await wss.line(/Listening/));
      await wss.line(/Ready/);
      const url = `ws://127.0.0.1:${port}/mobile`;
      await using reader = await connect(url, { token: "alice" });
      using stuck = await openRawSocket(url);
      const filler = JSON.stringify({ rid: 1, command: "x".repeat(60_000), options: {} });
      for (let i = 0; i < 100; i++) await stuck.sendFrame(new TextEncoder().encode(filler));
      const release = backend.hold("GET /notification");
      const releaseNever = backend.hold("GET /tournament");

      const answered = reader.ask("getMyNotifications", { where: { types: [] } });
      const letGo = await release();
      const given = reader.ask("getTournament", { where: { id: "1" } });
      await releaseNever();
      const start = performance.now();
      wss.kill(signal);
      await until("it is draining", async () => {
        const response = await fetch(`http://127.0.0.1:${port}/readyz`);
        await response.body?.cancel();
        return response.status === 503;
      });
      const late = reader.ask("nothing");
      const refused = await reader.reply(late);
      letGo();

      assertEquals(refused.payload.error[0].Slug, "shutting-down");
      assertEquals((await reader.reply(answered)).status, "ok");
      assertEquals((await reader.reply(given)).payload.error[0].Slug, "backend-timeout");
      assertEquals((await reader.ended).code, 1012);
      assertEquals(await wss.exitCode(), 0);
      // Well within SHUTDOWN_SECONDS.
      const took = performance.now() - start;
      assert(took < 25_000, `It took ${took} ms`);
      assertEquals(
        wss.complaints.map((line) => JSON.parse(line).message),
        [
          "A request to the tournament API failed with backend-timeout: " +
          "no whole answer within 1000 ms; is the API up, and is its URL right?",
        ],
      );
    },
  );
}

import { assert, assertEquals } from "@std/assert";
import { checkApis } from "../../src/cli/check/check_apis.ts";
import type { Finding } from "../../src/kafka/check/finding.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { freePort } from "../_support/network/free_port.ts";
import { startSilentServer } from "../_support/network/silent_server.ts";
import { startBackend } from "../_support/service/backend.ts";
import { startIssuer } from "../_support/service/issuer.ts";
import { canHaveTerminal, startProcess } from "../_support/service/process.ts";
import { testSettings } from "../_support/service/settings.ts";

const REFUSAL = () => new Response(null, { status: 401 });

/** A backend as an operator's should be: it refuses who has no token. */
function startStrictBackend() {
  const backend = startBackend();
  backend.on("GET /notification", REFUSAL);
  return backend;
}

function problemsOf(findings: readonly Finding[]): [string, string][] {
  return findings.flatMap(({ subject, advice }) => advice === undefined ? [] : [[subject, advice]]);
}

kafkaTest("wss check ends with 0 if all is well, and says what it has tried", async () => {
  await using topic = await createTopic({ partitions: 3 });
  await topic.produce([{ type: "logout", document: { userId: "1" } }]);
  await using backend = startStrictBackend();
  const env = {
    ...topic.env,
    API_URL_USER: `${backend.origin}/user`,
    API_URL_NOTIFICATION: `${backend.origin}/notification?key=secret`,
    API_URL_SCHEDULE_MOBILE: `${backend.origin}/schedule`,
    API_URL_TOURNAMENT_MOBILE: `${backend.origin}/tournament/`,
  };
  await using wss = await startProcess({ args: ["check"], env });

  assertEquals([await wss.exitCode(), wss.complaints], [0, []]);
  const host = new URL(backend.origin).host;
  assertEquals(wss.said, [
    `ok       broker ${env.KAFKA_BROKERS}: it answers without TLS`,
    `ok       topic ${topic.name}: it has 3 partitions`,
    `ok       topic ${topic.name}: it can be read`,
    `ok       topic ${topic.name}: it keeps records for 604800 s`,
    `ok       API_URL_USER: ${host} answers 401 without a token`,
    `ok       API_URL_NOTIFICATION: ${host} answers 401 without a token`,
    `ok       API_URL_SCHEDULE_MOBILE: ${host} answers 200 without a token`,
    `ok       API_URL_TOURNAMENT_MOBILE: ${host} answers 200 without a token`,
  ]);
  assertEquals(backend.calls.map(({ authorization }) => authorization), [null, null, null, null]);
});

kafkaTest("wss check --json ends with 1 if there is a problem, and says what to do", async () => {
  await using topic = await createTopic();
  await using backend = startBackend();
  const env = {
    ...topic.env,
    KAFKA_TOPIC: "nothing-here",
    API_URL_USER: `${backend.origin}/user`,
    API_URL_NOTIFICATION: `${backend.origin}/notification?key=secret`,
  };
  await using wss = await startProcess({ args: ["check", "--json"], env });

  assertEquals([await wss.exitCode(), wss.complaints], [1, []]);
  const findings = wss.said.map((line): Finding => JSON.parse(line));
  assert(findings.some(({ text }) => text === "it does not exist"), wss.said.join("\n"));
  assertEquals(problemsOf(findings), [
    [
      "topic nothing-here",
      "create it, unless the brokers create topics (auto.create.topics.enable): " +
      "kafka-topics.sh --create --topic nothing-here --partitions 3 --replication-factor 3",
    ],
    [
      "API_URL_NOTIFICATION",
      "look at the URL and the API; expected 401 or 403, as there is no token",
    ],
  ]);
  assert(!wss.said.join().includes("secret"));
});

Deno.test({
  name: "wss check has colours on a terminal only, and not with NO_COLOR",
  ignore: !await canHaveTerminal(),
  async fn() {
    await using backend = startStrictBackend();
    const env = {
      KAFKA_BROKERS: `127.0.0.1:${freePort()}`,
      API_URL_USER: `${backend.origin}/user`,
      API_URL_NOTIFICATION: `${backend.origin}/notification`,
    };
    for (
      const [options, good, bad] of [
        [{ hasTerminal: true }, "\x1b[32mok     \x1b[0m  API_URL_USER", "\x1b[31mproblem\x1b[0m  "],
        [{ hasTerminal: true, env: { NO_COLOR: "1" } }, "ok       API_URL_USER", "problem  "],
        [{}, "ok       API_URL_USER", "problem  "],
      ] as const
    ) {
      const own = "env" in options ? options.env : {};
      await using wss = await startProcess({
        ...options,
        args: ["check"],
        env: { ...env, ...own },
      });
      assertEquals(await wss.exitCode(), 1);
      for (const begin of [good, bad]) {
        assert(wss.said.some((line) => line.startsWith(begin)), JSON.stringify(wss.said));
      }
    }
  },
});

Deno.test("wss check judges the answer of each API by its status", async () => {
  await using backend = startBackend();
  const settings = testSettings(backend.origin, {});
  const right: Record<string, { key: string; statuses: number[] }> = {
    API_URL_USER: { key: "GET /user", statuses: [401, 403] },
    API_URL_NOTIFICATION: { key: "GET /notification", statuses: [401, 403] },
    API_URL_SCHEDULE_MOBILE: { key: "GET /schedule", statuses: [200, 204] },
    API_URL_TOURNAMENT_MOBILE: { key: "GET /tournament", statuses: [200, 204, 404] },
  };
  for (const status of [200, 204, 301, 302, 400, 401, 403, 404, 405, 429, 500, 502, 503]) {
    for (const { key } of Object.values(right)) {
      backend.on(key, () => new Response(null, { status, headers: { location: "/login" } }));
    }
    const problems = problemsOf(await checkApis(settings)).map(([subject]) => subject);
    const expected = Object.keys(right).filter((name) => !right[name]?.statuses.includes(status));
    assertEquals(problems, expected, `of ${status}`);
  }
});

Deno.test("[AUTH8] wss check reads the keys of JWTs as the service does", async () => {
  await using backend = startBackend();
  await using issuer = await startIssuer();
  const settings = testSettings(backend.origin, { AUTH_JWKS_URL: issuer.url });
  const keysOf = async () =>
    (await checkApis(settings)).filter(({ subject }) => subject === "AUTH_JWKS_URL")
      .map(({ text, advice }) => [text.replace(issuer.url.host, "host"), advice !== undefined]);
  const answers = ["host answers 200 without a token", false];

  assertEquals(await keysOf(), [answers, ["host has 1 key", false]]);
  const noSet = ["host: its answer is no JSON object with a list `keys`", true];
  for (
    const [answer, expected] of [
      [() => new Response("<html>log in</html>"), noSet],
      [() => Response.json({ key: [] }), noSet],
      [() => Response.json({ keys: [] }), ["host has 0 keys", true]],
      [() => Response.json({ keys: [{}] }), ["host: none of its keys can be read", true]],
    ] as const
  ) {
    issuer.answer(answer);
    assertEquals(await keysOf(), [answers, expected]);
  }
  issuer.answer(() => new Response(null, { status: 404 }));
  assertEquals(await keysOf(), [["host answers 404 without a token", true]]);
});

Deno.test("wss check sees APIs that do not answer, without telling their URL", async () => {
  await using silent = startSilentServer();
  const settings = testSettings("http://127.0.0.1", {
    API_URL_USER: new URL(`http://127.0.0.1:${freePort()}/user?key=secret`),
    API_URL_NOTIFICATION: new URL(`http://${silent.address}/notification?key=secret`),
    API_URL_SCHEDULE_MOBILE: new URL("http://nowhere.invalid/schedule?key=secret"),
    API_URL_TOURNAMENT_MOBILE: undefined,
    BACKEND_TIMEOUT_MS: 300,
  });

  const findings = await checkApis(settings);

  const advice = "look at the URL, name lookups, the network and TLS";
  assertEquals(problemsOf(findings), [
    ["API_URL_USER", advice],
    ["API_URL_NOTIFICATION", advice],
    ["API_URL_SCHEDULE_MOBILE", advice],
  ]);
  const texts = findings.map(({ text }) => text);
  assert(texts[1]?.endsWith("no answer within BACKEND_TIMEOUT_MS (300)"), texts[1]);
  assert(!texts.join().includes("secret"), texts.join());
});

Deno.test("wss check sees an API whose clock differs", async () => {
  await using backend = startBackend();
  const settings = testSettings(backend.origin, {});
  for (const [seconds, word] of [[-60, "behind"], [0, ""], [60, "ahead"]] as const) {
    backend.on("GET /user", () => {
      const date = new Date(Date.now() + seconds * 1000).toUTCString();
      return new Response(null, { status: 401, headers: { date } });
    });
    const findings = (await checkApis(settings))
      .filter(({ subject }) => subject === "API_URL_USER");
    assertEquals(findings.length, word ? 2 : 1);
    if (word) assert(findings[1]?.text.includes(word), findings[1]?.text);
  }
});

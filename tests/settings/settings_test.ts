import { assert, assertEquals } from "@std/assert";
import { parseEnv } from "node:util";
import { parseSettings, showSetting } from "../../src/settings/parse.ts";
import {
  SETTING_NAMES,
  settingInfo,
  type SettingName,
  type Settings,
} from "../../src/settings/settings.ts";
import { dotEnvDist, README, withSettingsTable } from "../../src/build/settings_docs.ts";
import denoJson from "../../deno.json" with { type: "json" };

const REQUIRED = {
  KAFKA_BROKERS: "localhost:9092",
  API_URL_USER: "https://api/users/me",
  API_URL_NOTIFICATION: "https://api/users/me/notifications",
};

function parse(texts: Partial<Record<SettingName, string>>) {
  const entries = Object.entries({ ...REQUIRED, ...texts }).filter(([, text]) => text !== "");
  return parseSettings(
    new Map(
      entries.map(([name, text]) => [name as SettingName, { text, source: "environment" }]),
    ),
    "pod-1",
  );
}

function settingsOf(texts: Partial<Record<SettingName, string>>): Settings {
  const parsed = parse(texts);
  if ("problems" in parsed) throw new Error(parsed.problems.join("\n"));
  return parsed.settings;
}

function problems(texts: Partial<Record<SettingName, string>>): readonly string[] {
  const parsed = parse(texts);
  return "problems" in parsed ? parsed.problems : [];
}

Deno.test("settings have their defaults", () => {
  const { API_URL_USER, API_URL_NOTIFICATION, ...settings } = settingsOf({});
  assertEquals(API_URL_USER.href, REQUIRED.API_URL_USER);
  assertEquals(API_URL_NOTIFICATION.href, REQUIRED.API_URL_NOTIFICATION);
  assertEquals(settings, {
    HOST_ENV: "production",
    NODE_ENV: "production",
    KAFKA_BROKERS: ["localhost:9092"],
    KAFKA_TOPIC: "wss",
    INSTANCE_ID: "pod-1",
    KAFKA_SSL: false,
    HOST: "0.0.0.0",
    PORT: 3110,
    ADMIN_HOST: "127.0.0.1",
    ADMIN_PORT: 3111,
    REUSE_PORT: false,
    ALLOWED_ORIGINS: ["*"],
    AUTH_REQUIRED: false,
    TRUST_PROXY: false,
    MAX_CONNECTIONS: 100_000,
    MAX_CONNECTIONS_PER_IP: 0,
    AUTH_JWT_USER_CLAIM: "sub",
    AUTH_JWT_ONLY: false,
    AUTH_JWT_MAX_SECONDS: 86_400,
    REQUEST_POOL_SIZE: 1000,
    BACKEND_TIMEOUT_MS: 10_000,
    AUTH_REVALIDATE_SECONDS: 300,
    AUTH_CACHE_SECONDS: 10,
    MAX_BACKEND_BYTES: 8_388_608,
    MAX_MESSAGE_BYTES: 1024 * 1024,
    MAX_INFLIGHT: 16,
    MAX_WAITING: 256,
    RATE_LIMIT: 50,
    RATE_LIMIT_BYTES: 256 * 1024,
    MAX_SUBSCRIPTIONS: 1000,
    MAX_SESSION_BYTES: 512 * 1024,
    IDLE_GUEST_SECONDS: 300,
    MAX_BUFFERED_BYTES: 1_048_576,
    SLOW_TIMEOUT_SECONDS: 10,
    PING_SECONDS: 30,
    RECOVERY_WINDOW_SECONDS: 300,
    RECOVERY_MAX_BYTES: 67_108_864,
    CURSOR_SECONDS: 25,
    DEGRADED_AFTER_SECONDS: 15,
    RELOAD_CONCURRENCY: 50,
    MAX_RECORD_BYTES: 8_388_608,
    MAX_BATCH_BYTES: 67_108_864,
    QUARANTINE_SIZE: 1000,
    DRAIN_SECONDS: 10,
    SHUTDOWN_SECONDS: 30,
    LOG_LEVEL: "info",
  });
});

Deno.test("without a host name, the id of an instance is 8 random characters", () => {
  const found = new Map(
    Object.entries(REQUIRED).map(([name, text]) => [
      name as SettingName,
      { text, source: "environment" as const },
    ]),
  );
  const ids = [1, 2].map(() => {
    const parsed = parseSettings(found, undefined);
    return "settings" in parsed ? parsed.settings.INSTANCE_ID : "";
  });
  assert(/^\w{8}$/.test(ids[0] ?? "") && ids[0] !== ids[1]);
});

const BROKERS = "a comma-separated list of host:port, such as localhost:9092 or [::1]:9092";
const ORIGINS = "*, or a comma-separated list of origins, such as https://example.com, " +
  "https://*.example.com, capacitor://localhost, file:// or null";

Deno.test("a wrong setting gives one line with its name, its text and what is expected", () => {
  for (
    const [name, text, line] of [
      ["PORT", "x", 'PORT is "x": expected a whole number from 0 to 65535'],
      ["PORT", "65536", 'PORT is "65536": expected a whole number from 0 to 65535'],
      ["PORT", "1e3", 'PORT is "1e3": expected a whole number from 0 to 65535'],
      [
        "ALLOWED_ORIGINS",
        "https://a.example, b.example, c",
        'ALLOWED_ORIGINS is "https://a.example, b.example, c", where "b.example" is wrong: ' +
        `expected ${ORIGINS}`,
      ],
      [
        "ALLOWED_ORIGINS",
        "https://*example.com",
        `ALLOWED_ORIGINS is "https://*example.com": expected ${ORIGINS}`,
      ],
      ...[
        "https://example.com/",
        "https://*",
        "https://*.*.example.com",
        "https://*.",
        "capacitor://",
        "capacitor://localhost/index.html",
        "chrome-extension",
        "file:///",
        "localhost:8080",
      ].map((text) => {
        return [
          "ALLOWED_ORIGINS",
          text,
          `ALLOWED_ORIGINS is "${text}": expected ${ORIGINS}`,
        ] as const;
      }),
      ...[".", "..", "a b", "a/b", "ä", "a".repeat(250)].map((text) =>
        [
          "KAFKA_TOPIC",
          text,
          `KAFKA_TOPIC is "${text}": expected the name of a topic: at most 249 letters, digits, ` +
          "`.`, `_` and `-`, and neither `.` nor `..`",
        ] as const
      ),
      ["REUSE_PORT", "1", 'REUSE_PORT is "1": expected true or false'],
      ["TRUST_PROXY", "yes", 'TRUST_PROXY is "yes": expected true or false'],
      [
        "SHUTDOWN_SECONDS",
        "20",
        'SHUTDOWN_SECONDS is "20": expected more than 20, ' +
        "the sum of DRAIN_SECONDS and BACKEND_TIMEOUT_MS",
      ],
      ["MAX_INFLIGHT", "0", 'MAX_INFLIGHT is "0": expected a whole number from 1 to 10000'],
      ["LOG_LEVEL", "warn", 'LOG_LEVEL is "warn": expected one of debug, info, warning, error'],
      [
        "NODE_ENV",
        "dev",
        'NODE_ENV is "dev": expected one of production, staging, testing, development',
      ],
      [
        "KAFKA_BROKERS",
        "a:1,b",
        `KAFKA_BROKERS is "a:1,b", where "b" is wrong: expected ${BROKERS}`,
      ],
      [
        "KAFKA_BROKERS",
        "a:99999",
        `KAFKA_BROKERS is "a:99999": expected ${BROKERS}`,
      ],
      [
        "KAFKA_BROKERS",
        "",
        `KAFKA_BROKERS is missing: expected ${BROKERS}`,
      ],
      ...["::1:9092", "[::1]", "[::1:9092", "[::1]:0", "[::g]:9092", "[1.2.3.4]:1", "[]:1"].map(
        (text) =>
          ["KAFKA_BROKERS", text, `KAFKA_BROKERS is "${text}": expected ${BROKERS}`] as const,
      ),
      [
        "API_URL_USER",
        "ftp://x",
        'API_URL_USER is "ftp://x": expected an http or https URL without a password',
      ],
      [
        "API_URL_USER",
        "https://me:p@ss@x/",
        'API_URL_USER is "https://(hidden)@x/": expected an http or https URL without a password',
      ],
      [
        "KAFKA_SSL",
        "certs/../key.pem",
        'KAFKA_SSL is "certs/../key.pem": expected true, false, or the path of a CA file below ./certs',
      ],
      [
        "HOST_ENV",
        "{{ env }}",
        'HOST_ENV is "{{ env }}", a template that was not filled in: expected a name',
      ],
    ] as const
  ) assertEquals(problems({ [name]: text }), [line]);
});

Deno.test("HOST and ADMIN_HOST are an IP address or a host name, and have no port", () => {
  const open = { ADMIN_TOKEN: "an-admin-token-0123" };
  for (const name of ["HOST", "ADMIN_HOST"] as const) {
    for (
      const text of [
        ...["0.0.0.0:3110", "localhost:3110", "[::1]", "[::1]:3110", "::g", "1:2", ":"],
        ...["1.2.3", "1.2.3.256", "1.2.3.4.5", "3110", "...", "a b", "http://a", "a/b"],
      ]
    ) {
      assertEquals(problems({ ...open, [name]: text }), [
        `${name} is "${text}": expected an IP address or a host name, without a port`,
      ]);
    }
    for (const text of ["0.0.0.0", "::", "::1", "fe80::1%eth0", "a", "pod_1.example-2.com", "1a"]) {
      assertEquals(settingsOf({ ...open, [name]: text })[name], text);
    }
  }
});

Deno.test("every problem is reported, in the order of the settings", () => {
  const names = problems({ PORT: "x", KAFKA_BROKERS: "", LOG_LEVEL: "{{level}}" })
    .map((line) => line.split(" ")[0]);
  assertEquals(names, ["KAFKA_BROKERS", "PORT", "LOG_LEVEL"]);
});

Deno.test("a mechanism, a user and a password go together, and the password is never shown", () => {
  assertEquals(problems({ KAFKA_SASL_USERNAME: "me" }), [
    "KAFKA_SASL_MECHANISM is missing: expected plain, scram-sha-256 or scram-sha-512, " +
    "because another KAFKA_SASL_ setting is set",
    "KAFKA_SASL_PASSWORD is missing: expected a password, because another KAFKA_SASL_ setting is set",
  ]);
  const sasl = {
    KAFKA_SASL_MECHANISM: "plain",
    KAFKA_SASL_USERNAME: "me",
    KAFKA_SASL_PASSWORD: "{{p4ss}}",
  };
  assertEquals(problems(sasl), [
    'KAFKA_SASL_PASSWORD is "(hidden)", a template that was not filled in: expected a password',
  ]);
  assertEquals(problems({ ...sasl, KAFKA_SASL_PASSWORD: "p4ss" }), []);
});

Deno.test("PORT and ADMIN_PORT may be the same only on different hosts, or if both are chosen by the system", () => {
  const open = { ADMIN_TOKEN: "an-admin-token-0123" };
  const told = (HOST: string, ADMIN_HOST: string) => [
    `ADMIN_PORT is "80": expected another port than PORT, because HOST is "${HOST}" ` +
    `and ADMIN_HOST is "${ADMIN_HOST}"`,
  ];
  for (
    const [HOST, ADMIN_HOST, isSame] of [
      ["0.0.0.0", "127.0.0.1", true],
      ["127.0.0.1", "127.0.0.1", true],
      ["localhost", "localhost", true],
      ["localhost", "127.0.0.1", true],
      ["::1", "localhost", true],
      ["localhost", "10.0.0.1", false],
      ["127.0.0.1", "0.0.0.0", true],
      ["::", "127.0.0.1", true],
      ["10.0.0.1", "::", true],
      ["::", "::1", true],
      ["0.0.0.0", "::1", false],
      ["10.0.0.1", "127.0.0.1", false],
    ] as const
  ) {
    const settings = { ...open, HOST, ADMIN_HOST };
    assertEquals(
      problems({ ...settings, PORT: "80", ADMIN_PORT: "80" }),
      isSame ? told(HOST, ADMIN_HOST) : [],
      `${HOST}, ${ADMIN_HOST}`,
    );
    assertEquals(problems({ ...settings, PORT: "80", ADMIN_PORT: "81" }), []);
    assertEquals(problems({ ...settings, PORT: "0", ADMIN_PORT: "0" }), []);
  }
});

Deno.test("all contradictions are told at once", () => {
  const names = problems({ PORT: "3111", SHUTDOWN_SECONDS: "1", RATE_LIMIT_BYTES: "1024" })
    .map((line) => line.split(" ")[0]);
  assertEquals(names, ["ADMIN_PORT", "SHUTDOWN_SECONDS", "MAX_MESSAGE_BYTES"]);
});

Deno.test("REUSE_PORT is true or false", () => {
  assertEquals(settingsOf({ REUSE_PORT: "true" }).REUSE_PORT, true);
  assertEquals(settingsOf({ REUSE_PORT: "false" }).REUSE_PORT, false);
});

Deno.test("brokers and the path of a CA file are used as they are written", () => {
  const { KAFKA_BROKERS, KAFKA_SSL } = settingsOf({
    KAFKA_BROKERS: "a:1, b.example.com:9092, [::1]:9092, [2001:DB8::ffff:1.2.3.4]:1",
    KAFKA_SSL: "./certs/a/ca.pem",
  });
  assertEquals(KAFKA_BROKERS, [
    "a:1",
    "b.example.com:9092",
    "[::1]:9092",
    "[2001:DB8::ffff:1.2.3.4]:1",
  ]);
  assertEquals(KAFKA_SSL, "./certs/a/ca.pem");
});

Deno.test("origins are a list, separated by commas", () => {
  const { ALLOWED_ORIGINS } = settingsOf({
    ALLOWED_ORIGINS: "https://app.example.com, https://*.example.org:8443",
  });
  assertEquals(ALLOWED_ORIGINS, ["https://app.example.com", "https://*.example.org:8443"]);
});

Deno.test("the tasks may read the settings from the environment, and little else", () => {
  const { env: names, ...others } = denoJson.permissions.service;
  assertEquals(names, [
    ...SETTING_NAMES,
    "HOSTNAME",
    // Read by the platform, and set for it.
    "DENO_USE_WRITEV",
    // Read by kafkajs.
    "KAFKAJS_DEBUG_PROTOCOL_BUFFERS",
    "KAFKAJS_DEBUG_EXTENDED_PROTOCOL_BUFFERS",
    "KAFKAJS_LOG_LEVEL",
    "KAFKAJS_NO_PARTITIONER_WARNING",
  ]);
  assertEquals(others, { net: true });
  for (const [task, main] of [["start", "src/main.ts"], ["dev", "src/dev/main.ts"]] as const) {
    assertEquals(
      denoJson.tasks[task].command.replace(/--v8-flags=\S+ /, ""),
      // In the permission set, a path is relative to deno.json; here it is to the working directory.
      `deno run --quiet --frozen --no-prompt -P=service --allow-read=.env,certs,/dev/null ${main}`,
    );
  }
});

Deno.test(".env.dist and the table of settings are those of the schema (deno task docs writes them)", async () => {
  const root = new URL("../../", import.meta.url);
  const readme = await Deno.readTextFile(new URL(README, root));
  assertEquals(await Deno.readTextFile(new URL(".env.dist", root)), dotEnvDist());
  assertEquals(readme, withSettingsTable(readme));
  assertEquals(SETTING_NAMES.slice(0, 3), ["HOST_ENV", "NODE_ENV", "KAFKA_BROKERS"]);
  for (const name of SETTING_NAMES) assert(settingInfo(name).meaning.length > 0);
});

Deno.test("a copy of .env.dist is a configuration that can be used", () => {
  const texts = parseEnv(dotEnvDist()) as Partial<Record<SettingName, string>>;
  assertEquals(problems(texts), []);
});

Deno.test("no setting shows a secret, wherever in its text it stands", () => {
  const texts = [
    "https://me:s3cr3t@example.com/users?key=s3cr3t#s3cr3t",
    "me:s3cr3t@kafka:9092",
    "a:9092,me:s3cr3t@b:9092",
    "me:1,s3cr3t@b:9092",
    "https://me:1/s3cr3t@example.com",
    "https://me:1@s3cr3t@example.com",
    "//s3cr3t@example.com",
    "{{s3cr3t}}@example.com",
    "ftp://me:\ns3cr3t@example.com",
    "https://a.example,https://b.example/x?key=s3cr3t",
    "https://a.example,https://b.example/x?key=1,s3cr3t,b:1",
    "a:1,b:2?s3cr3t",
    "a:1,b,c:3?s3cr3t",
  ];
  for (const name of SETTING_NAMES) {
    for (const text of texts) {
      const shown = [showSetting(name, text), ...problems({ [name]: text })].join("\n");
      assert(!shown.includes("s3cr3t"), shown);
    }
  }
});

Deno.test("an ADMIN_TOKEN that is easy to guess is refused", () => {
  for (const token of ["a".repeat(16), "abcabcabcabcabcabc", "passwordpassword"]) {
    assertEquals(problems({ ADMIN_TOKEN: token }), [
      'ADMIN_TOKEN is "(hidden)": expected at least 16 ASCII characters without spaces, ' +
      "8 of them different",
    ]);
  }
  assertEquals(problems({ ADMIN_TOKEN: "0123456789abcdef" }), []);
});

Deno.test("[AUTH8] settings of JWTs need the URL of their keys", () => {
  for (
    const given of [
      { AUTH_JWT_ISSUER: "us" },
      { AUTH_JWT_AUDIENCE: "wss" },
      { AUTH_JWT_ONLY: "true" },
    ]
  ) {
    const [name] = Object.keys(given);
    assertEquals(problems(given), [
      `AUTH_JWKS_URL is missing: expected an http or https URL without a password, because ${name} is set`,
    ]);
    assertEquals(problems({ ...given, AUTH_JWKS_URL: "https://login.example.com/jwks" }), []);
  }
});

Deno.test("[LIM6] MAX_MESSAGE_BYTES is at most eight times RATE_LIMIT_BYTES", () => {
  const limits = { MAX_MESSAGE_BYTES: "8193", RATE_LIMIT_BYTES: "1024" };
  assertEquals(problems(limits), [
    'MAX_MESSAGE_BYTES is "8193": expected at most 8192, which is 8 times RATE_LIMIT_BYTES',
  ]);
  assertEquals(problems({ ...limits, MAX_MESSAGE_BYTES: "8192" }), []);
});

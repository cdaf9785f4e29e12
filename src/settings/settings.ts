/**
 * Every setting: name, default, unit, meaning, and what it may hold. README's table, `.env.dist` and
 * `--check-config` come from here.
 */
import * as z from "zod";

/** What people are told of a setting. */
export interface SettingInfo {
  readonly meaning: string;
  /** What it may hold, to follow "expected". */
  readonly allowed: string;
  /** What holds where it is not set, in words or as it would be written. */
  readonly fallback: string;
  /** Whether its value must not be shown. */
  readonly secret?: boolean;
}

const infos = z.registry<SettingInfo>();

function setting<S extends z.ZodType>(schema: S, info: SettingInfo): S {
  // Of its own, for several settings may be of one kind.
  const own = schema.clone();
  infos.add(own, info);
  return own;
}

/** A whole number, written in decimal. */
function number(options: { meaning: string; min: number; max: number; fallback: number }) {
  const { meaning, min, max, fallback } = options;
  return setting(
    z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(min).max(max)).default(fallback),
    { meaning, allowed: `a whole number from ${min} to ${max}`, fallback: String(fallback) },
  );
}

/** Yes or no, in the words that operators write. */
function flag({ meaning }: { meaning: string }) {
  return setting(z.enum(["true", "false"]).default("false").transform((text) => text === "true"), {
    meaning,
    allowed: "true or false",
    fallback: "false",
  });
}

function choice<const T extends string>(
  options: { meaning: string; values: readonly [T, ...T[]]; fallback: T },
) {
  const { meaning, values, fallback } = options;
  return setting(z.enum(values).default(() => fallback as z.output<z.ZodEnum<{ [K in T]: K }>>), {
    meaning,
    allowed: values.join(", "),
    fallback,
  });
}

function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password;
}

/** kafkajs takes no IPv6 address. */
function isBroker(text: string): boolean {
  const [, port] = /^[\w.-]+:(\d{1,5})$/.exec(text) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535;
}

/** An origin as browsers send it; `https://*.example.com` for subdomains. */
function isOriginPattern(text: string): boolean {
  if (text === "*") return true;
  const example = text.replace("://*.", "://any.");
  return !example.includes("*") && URL.parse(example)?.origin === example;
}

const httpUrl = z.string().refine(isHttpUrl).transform((text) => new URL(text));
const HTTP_URL = "an http or https URL without a password";

const DAY_SECONDS = 86_400;

const settingsSchema = z.object({
  HOST_ENV: setting(z.string().optional(), {
    meaning: "Name of the deployment, on log lines",
    allowed: "a name",
    fallback: "NODE_ENV's",
  }),
  NODE_ENV: choice({
    meaning: "`development` logs for people, the others JSON lines",
    values: ["production", "staging", "testing", "development"],
    fallback: "production",
  }),
  KAFKA_BROKERS: setting(
    z.string()
      .transform((text) => text.split(",").map((broker) => broker.trim()))
      .pipe(z.array(z.string().refine(isBroker))),
    {
      meaning: "Brokers to connect to first",
      allowed: "host:port, comma separated",
      fallback: "required",
    },
  ),
  KAFKA_TOPIC: setting(z.string().regex(/^[\w.-]{1,249}$/).default("wss"), {
    meaning: "Topic with the new notifications",
    allowed: "a topic's name: letters, digits, `.`, `_` and `-`",
    fallback: "wss",
  }),
  KAFKA_GROUP_PREFIX: setting(z.string().default("wss"), {
    meaning: "The consumer group is `<prefix>-<INSTANCE_ID>-<8 random characters>`, " +
      "new at each start, also after an outage, and deleted at a clean end; nothing is committed to it",
    allowed: "a name",
    fallback: "wss",
  }),
  INSTANCE_ID: setting(z.string().optional(), {
    meaning: "Names the instance in the group and in logs",
    allowed: "a name",
    fallback: "HOSTNAME, else 8 random characters",
  }),
  KAFKA_SSL: setting(
    z.union([
      z.enum(["true", "false"]).transform((text) => text === "true"),
      // Below ./certs, the only folder besides .env that the service may read.
      z.string().regex(/^(\.\/)?certs\/(?!\.\.?\/|.*\/\.\.?\/)[^\0]*[^/\0]$/),
    ]).default(false),
    {
      meaning: "TLS to the brokers",
      allowed: "true, false, or the path of a CA file below ./certs",
      fallback: "false",
    },
  ),
  KAFKA_SASL_MECHANISM: setting(
    z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional(),
    {
      meaning: "How to log in to the brokers",
      allowed: "plain, scram-sha-256 or scram-sha-512",
      fallback: "none",
    },
  ),
  KAFKA_SASL_USERNAME: setting(z.string().optional(), {
    meaning: "Goes with the mechanism",
    allowed: "a user's name",
    fallback: "none",
  }),
  KAFKA_SASL_PASSWORD: setting(z.string().optional(), {
    meaning: "Goes with the mechanism",
    allowed: "a password",
    fallback: "none",
    secret: true,
  }),
  HOST: setting(z.string().regex(/^[\w.:-]+$/).default("0.0.0.0"), {
    meaning: "Address on which clients connect",
    allowed: "an IP address or a host's name",
    fallback: "0.0.0.0",
  }),
  PORT: number({
    meaning: "Port on which clients connect; 0 takes a free one",
    min: 0,
    max: 65_535,
    fallback: 3110,
  }),
  ADMIN_HOST: setting(z.string().regex(/^[\w.:-]+$/).default("127.0.0.1"), {
    meaning: "Address of the admin port; off loopback it needs ADMIN_TOKEN",
    allowed: "an IP address or a host's name",
    fallback: "127.0.0.1",
  }),
  ADMIN_PORT: number({
    meaning: "Port for operators: metrics, health, sessions, quarantine; 0 turns it off",
    min: 0,
    max: 65_535,
    fallback: 3111,
  }),
  ADMIN_TOKEN: setting(z.string().regex(/^[\x21-\x7e]{16,}$/).optional(), {
    meaning: "What a request to the admin port needs as `Authorization: Bearer <token>`, " +
      "but for health and metrics",
    allowed: "16 characters or more of ASCII, without spaces",
    fallback: "none",
    secret: true,
  }),
  REUSE_PORT: flag({
    meaning: "Whether several processes listen on PORT, all with this setting; on Linux only",
  }),
  ALLOWED_ORIGINS: setting(
    z.string().default("*")
      .transform((text) => text.split(",").map((origin) => origin.trim()))
      .pipe(z.array(z.string().refine(isOriginPattern))),
    {
      meaning: "Pages that may connect; clients that are no browsers send no origin",
      allowed: "*, or origins, comma separated, such as https://example.com, https://*.example.com",
      fallback: "*",
    },
  ),
  AUTH_REQUIRED: flag({ meaning: "Whether only clients with a good token may connect" }),
  TRUST_PROXY: flag({
    meaning: "Whether a client's address is what `X-Forwarded-For`, or else `X-Real-IP`, says last",
  }),
  MAX_CONNECTIONS: number({
    meaning: "Connections of an instance",
    min: 1,
    max: 10_000_000,
    fallback: 100_000,
  }),
  MAX_CONNECTIONS_PER_IP: number({
    meaning: "Connections from one address; 0 for no limit",
    min: 0,
    max: 10_000_000,
    fallback: 0,
  }),
  API_URL_USER: setting(httpUrl, {
    meaning: "`{user}`, such as https://api-user/users/me",
    allowed: HTTP_URL,
    fallback: "required",
  }),
  API_URL_NOTIFICATION: setting(httpUrl, {
    meaning: "`{notification}`, such as https://api-user/users/me/notifications",
    allowed: HTTP_URL,
    fallback: "required",
  }),
  API_URL_SCHEDULE_MOBILE: setting(httpUrl.optional(), {
    meaning: "`{schedule}`; without it `/mobile` has no getSchedules",
    allowed: HTTP_URL,
    fallback: "none",
  }),
  API_URL_TOURNAMENT_MOBILE: setting(httpUrl.optional(), {
    meaning: "`{tournament}`; without it `/mobile` has no getTournament",
    allowed: HTTP_URL,
    fallback: "none",
  }),
  REQUEST_POOL_SIZE: number({
    meaning: "Requests at once for each API; as many more wait",
    min: 1,
    max: 100_000,
    fallback: 1000,
  }),
  BACKEND_TIMEOUT_MS: number({
    meaning: "Milliseconds for a backend's whole answer, waiting and tries included",
    min: 1,
    max: 600_000,
    fallback: 10_000,
  }),
  AUTH_REVALIDATE_SECONDS: number({
    meaning: "Seconds, more or less a tenth, after which a session's token is checked again; " +
      "0 turns it off",
    min: 0,
    max: DAY_SECONDS,
    fallback: 300,
  }),
  AUTH_CACHE_SECONDS: number({
    meaning: "Seconds for which a good token is not asked about again",
    min: 0,
    max: DAY_SECONDS,
    fallback: 10,
  }),
  MAX_BACKEND_BYTES: number({
    meaning: "Bytes of a backend's answer",
    min: 1,
    max: 1024 ** 3,
    fallback: 8 * 1024 ** 2,
  }),
  MAX_MESSAGE_BYTES: number({
    meaning: "Bytes of a client's frame",
    min: 1,
    max: 64 * 1024 ** 2,
    fallback: 64 * 1024,
  }),
  MAX_INFLIGHT: number({
    meaning: "Commands of one session that run at once",
    min: 1,
    max: 10_000,
    fallback: 16,
  }),
  MAX_WAITING: number({
    meaning: "Commands of one session that wait for their turn",
    min: 1,
    max: 100_000,
    fallback: 256,
  }),
  RATE_LIMIT: number({
    meaning: "Requests a second of one session; twice as many may come at once",
    min: 1,
    max: 1_000_000,
    fallback: 50,
  }),
  MAX_SUBSCRIPTIONS: number({
    meaning: "Subscriptions of one session",
    min: 1,
    max: 100_000,
    fallback: 100,
  }),
  IDLE_GUEST_SECONDS: number({
    meaning: "Seconds without a user, a subscription or a request after which a session is closed",
    min: 1,
    max: DAY_SECONDS,
    fallback: 300,
  }),
  MAX_BUFFERED_BYTES: number({
    meaning: "Bytes that a client has not taken yet, over which it is behind: " +
      "it is sent no more until it has caught up",
    min: 1024,
    max: 1024 ** 3,
    fallback: 1024 ** 2,
  }),
  SLOW_TIMEOUT_SECONDS: number({
    meaning: "Seconds that a client may be behind, for each MAX_BUFFERED_BYTES that it was",
    min: 1,
    max: DAY_SECONDS,
    fallback: 10,
  }),
  PING_SECONDS: number({
    meaning: "Seconds without a sign of life after which a client is pinged, " +
      "and then again until it is closed",
    min: 1,
    max: DAY_SECONDS,
    fallback: 30,
  }),
  RECOVERY_WINDOW_SECONDS: number({
    meaning: "Seconds of the log that are kept, for clients that resume",
    min: 1,
    max: DAY_SECONDS,
    fallback: 300,
  }),
  RECOVERY_MAX_BYTES: number({
    meaning: "Bytes of memory that this may take",
    min: 1,
    max: 64 * 1024 ** 3,
    fallback: 64 * 1024 ** 2,
  }),
  CURSOR_SECONDS: number({
    meaning: "Seconds after which a session is told its place in the log",
    min: 1,
    max: DAY_SECONDS,
    fallback: 25,
  }),
  DEGRADED_AFTER_SECONDS: number({
    meaning: "Seconds without having read to the ends of all partitions " +
      "after which sessions are told so",
    min: 1,
    max: DAY_SECONDS,
    fallback: 15,
  }),
  RELOAD_CONCURRENCY: number({
    meaning: "Lists that are fetched again at once because a Kafka message says so",
    min: 1,
    max: 100_000,
    fallback: 50,
  }),
  QUARANTINE_SIZE: number({
    meaning: "Unusable Kafka messages that are remembered",
    min: 0,
    max: 1_000_000,
    fallback: 1000,
  }),
  DRAIN_SECONDS: number({
    meaning: "Seconds over which clients are sent away at the end, each at another time",
    min: 0,
    max: 3600,
    fallback: 10,
  }),
  SHUTDOWN_SECONDS: number({
    meaning: "Seconds after which the process ends at the latest; " +
      "more than DRAIN_SECONDS and BACKEND_TIMEOUT_MS together",
    min: 1,
    max: 7200,
    fallback: 30,
  }),
  LOG_LEVEL: choice({
    meaning: "The least level that is logged",
    values: ["debug", "info", "warning", "error"],
    fallback: "info",
  }),
});

/** What is needed to write to the topic. */
const publishSchema = settingsSchema.pick({
  KAFKA_BROKERS: true,
  KAFKA_TOPIC: true,
  INSTANCE_ID: true,
  KAFKA_SSL: true,
  KAFKA_SASL_MECHANISM: true,
  KAFKA_SASL_USERNAME: true,
  KAFKA_SASL_PASSWORD: true,
});

/** All settings, parsed; those that follow from others are filled in. */
export type Settings =
  & Omit<z.output<typeof settingsSchema>, "HOST_ENV" | "INSTANCE_ID">
  & { HOST_ENV: string; INSTANCE_ID: string };

/** Those of them that are needed to write to the topic. */
export type PublishSettings = Pick<Settings, keyof typeof publishSchema.shape>;

/** The name of a setting. */
export type SettingName = keyof typeof settingsSchema.shape;

/** Every setting's name, in the order in which people are told of them. */
export const SETTING_NAMES = Object.keys(settingsSchema.shape) as SettingName[];

/** What people are told of a setting. */
export function settingInfo(name: SettingName): SettingInfo {
  const info = infos.get(settingsSchema.shape[name]);
  if (!info) throw new Error(`${name} is not described`);
  return info;
}

/** Where a setting's text came from. */
export type SettingSource = "environment" | ".env" | "default";

/** Settings as they were found, before they are parsed; names that hold nothing are left out. */
export type FoundSettings = ReadonlyMap<SettingName, { text: string; source: SettingSource }>;

/** A setting's value as it may be shown, such as in an error; never a secret. */
export function showSetting(name: SettingName, text: string): string {
  return settingInfo(name).secret ? "(hidden)" : text.replace(/\/\/[^/]*@/, "//(hidden)@");
}

/**
 * Parses settings.
 *
 * @param hostname What INSTANCE_ID falls back to
 * @returns The settings, or one line for each problem
 */
export function parseSettings(
  found: FoundSettings,
  hostname: string | undefined,
): { settings: Settings } | { problems: string[] } {
  const result = parseThose(settingsSchema, found);
  if ("problems" in result) return result;
  const isOpen = result.data.ADMIN_PORT > 0 && !isLoopback(result.data.ADMIN_HOST);
  if (isOpen && result.data.ADMIN_TOKEN === undefined) {
    return {
      problems: [
        `ADMIN_TOKEN is missing: expected ${settingInfo("ADMIN_TOKEN").allowed}, ` +
        `as ADMIN_HOST is "${result.data.ADMIN_HOST}", which is not loopback`,
      ],
    };
  }

  const settings = result.data;
  const endSeconds = settings.DRAIN_SECONDS + settings.BACKEND_TIMEOUT_MS / 1000;
  if (settings.SHUTDOWN_SECONDS <= endSeconds) {
    const { SHUTDOWN_SECONDS } = settings;
    return {
      problems: [
        `SHUTDOWN_SECONDS is "${SHUTDOWN_SECONDS}": expected more than ${endSeconds}, ` +
        "which DRAIN_SECONDS and BACKEND_TIMEOUT_MS make together",
      ],
    };
  }
  return {
    settings: {
      ...settings,
      HOST_ENV: settings.HOST_ENV ?? settings.NODE_ENV,
      INSTANCE_ID: settings.INSTANCE_ID ?? nameInstance(hostname),
    },
  };
}

/** Parses what is needed to write to the topic, as {@linkcode parseSettings} does; others may be wrong. */
export function parsePublishSettings(
  found: FoundSettings,
  hostname: string | undefined,
): { settings: PublishSettings } | { problems: string[] } {
  const result = parseThose(publishSchema, found);
  if ("problems" in result) return result;
  const { INSTANCE_ID = nameInstance(hostname), ...settings } = result.data;
  return { settings: { ...settings, INSTANCE_ID } };
}

/** Parses the settings that the schema has, or tells what is wrong with them. */
function parseThose<S extends z.ZodObject>(
  schema: S,
  found: FoundSettings,
): { data: z.output<S> } | { problems: string[] } {
  const texts = Object.fromEntries([...found].map(([name, { text }]) => [name, text]));
  const result = schema.safeParse(texts);
  const wrong = new Set(result.error?.issues.map(({ path }) => path[0] as SettingName));
  for (const [name, { text }] of found) {
    if (name in schema.shape && isTemplated(text)) wrong.add(name);
  }

  const problems = SETTING_NAMES.filter((name) => wrong.has(name))
    .map((name) => describeProblem(name, found.get(name)?.text));
  problems.push(...incompleteSasl(found));
  return !result.success || problems.length > 0 ? { problems } : { data: result.data };
}

function nameInstance(hostname: string | undefined): string {
  return hostname || crypto.randomUUID().slice(0, 8);
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function isTemplated(text: string): boolean {
  return /\{\{.*\}\}/s.test(text);
}

function describeProblem(name: SettingName, text: string | undefined): string {
  const { allowed } = settingInfo(name);
  if (text === undefined) return `${name} is missing: expected ${allowed}`;
  const template = isTemplated(text) ? ", a template that was not filled in" : "";
  return `${name} is "${showSetting(name, text)}"${template}: expected ${allowed}`;
}

function incompleteSasl(found: FoundSettings): string[] {
  const names = ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"] as const;
  const missing = names.filter((name) => !found.has(name));
  if (missing.length === 0 || missing.length === names.length) return [];
  return missing.map((name) =>
    `${name} is missing: expected ${settingInfo(name).allowed}, as the other KAFKA_SASL_ are set`
  );
}

/**
 * The table of settings: name, kind, meaning and default. The table in `src/settings/README.md`,
 * `.env.dist` and `--check-config` come from it.
 */
import * as z from "zod";
import {
  brokers,
  choice,
  flag,
  host,
  infoOf,
  number,
  optionalUrl,
  origins,
  setting,
  type SettingInfo,
  text,
  url,
} from "./kinds.ts";

const DAY_SECONDS = 86_400;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
/** Different characters that a token needs: with fewer it could be guessed. */
const MIN_DIFFERENT = 8;

/** The size of a burst: as many bytes of frames as RATE_LIMIT_BYTES allows in this many seconds. */
export const BYTES_BURST_SECONDS = 8;

/** Every setting, in the order in which people see them. */
export const settingsSchema = z.object({
  HOST_ENV: text("The name of the deployment, on log lines and metrics", {
    allowed: "a name",
    fallback: "the value of NODE_ENV",
  }),
  NODE_ENV: choice("`development` logs for people, all others log JSON lines", {
    values: ["production", "staging", "testing", "development"],
    fallback: "production",
  }),
  KAFKA_BROKERS: brokers("The brokers to connect to first"),
  KAFKA_TOPIC: setting(z.string().regex(/^(?!\.{1,2}$)[\w.-]{1,249}$/).default("wss"), {
    meaning: "The topic with the new notifications",
    allowed: "the name of a topic: at most 249 letters, digits, `.`, `_` and `-`, " +
      "and neither `.` nor `..`",
    fallback: "wss",
  }),
  INSTANCE_ID: text("The name of the instance, on log lines, metrics and connections to Kafka", {
    allowed: "a name",
    fallback: "HOSTNAME, or else 8 random characters",
  }),
  KAFKA_SSL: setting(
    z.union([
      z.enum(["true", "false"]).transform((text) => text === "true"),
      // Below ./certs, because the service may read only this folder and .env.
      z.string().regex(/^(\.\/)?certs\/(?!\.\.?\/|.*\/\.\.?\/)[^\0]*[^/\0]$/),
    ]).default(false),
    {
      meaning: "Whether connections to the brokers use TLS",
      allowed: "true, false, or the path of a CA file below ./certs",
      fallback: "false",
    },
  ),
  KAFKA_SASL_MECHANISM: setting(z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional(), {
    meaning: "How the service logs in to the brokers",
    allowed: "plain, scram-sha-256 or scram-sha-512",
    fallback: "none",
  }),
  KAFKA_SASL_USERNAME: text("The user of KAFKA_SASL_MECHANISM", { allowed: "a user name" }),
  KAFKA_SASL_PASSWORD: text("The password of KAFKA_SASL_MECHANISM", {
    allowed: "a password",
    secret: true,
  }),
  HOST: host("The address on which clients connect", { fallback: "0.0.0.0" }),
  PORT: number("The port on which clients connect. 0 takes a free port", {
    range: [0, 65_535],
    fallback: 3110,
  }),
  ADMIN_HOST: host(
    "The address of the admin port. If it is not loopback, ADMIN_TOKEN is required",
    {
      fallback: "127.0.0.1",
    },
  ),
  ADMIN_PORT: number(
    "The port for operators: metrics, health, sessions, quarantine. 0 turns it off",
    { range: [0, 65_535], fallback: 3111 },
  ),
  ADMIN_TOKEN: setting(z.string().regex(/^[\x21-\x7e]{16,}$/).refine(isVaried).optional(), {
    meaning: "The token that requests to the admin port need as `Authorization: Bearer <token>`. " +
      "Health and metrics need none",
    allowed: `at least 16 ASCII characters without spaces, ${MIN_DIFFERENT} of them different`,
    fallback: "none",
    secret: true,
  }),
  REUSE_PORT: flag(
    "Whether several processes share PORT. Each of them needs this setting. On Linux only",
  ),
  ALLOWED_ORIGINS: origins(
    "The origins of web pages and apps that may connect. Clients that send no origin, or the one of " +
      "the service itself, may always connect",
  ),
  AUTH_REQUIRED: flag("Whether only clients with a valid token may connect"),
  TRUST_PROXY: flag(
    "Whether the address of a client is the last one in `X-Forwarded-For`, or else in `X-Real-IP`. " +
      "Only behind a proxy that adds to, replaces or removes `X-Forwarded-For`",
  ),
  MAX_CONNECTIONS: number("The most connections of this instance", {
    range: [1, 10_000_000],
    fallback: 100_000,
  }),
  MAX_CONNECTIONS_PER_IP: number(
    "The most connections from one IPv4 address or one IPv6 network of 64 bits. 0 means no limit",
    { range: [0, 10_000_000], fallback: 0 },
  ),
  API_URL_USER: url("`{user}`: the user of a token, such as https://api-user/users/me"),
  API_URL_NOTIFICATION: url(
    "`{notification}`: lists and counts, such as https://api-user/users/me/notifications",
  ),
  API_URL_SCHEDULE_MOBILE: optionalUrl(
    "`{schedule}`: schedules. Without it, `/mobile` has no getSchedules",
  ),
  API_URL_TOURNAMENT_MOBILE: optionalUrl(
    "`{tournament}`: tournaments. Without it, `/mobile` has no getTournament",
  ),
  AUTH_JWKS_URL: optionalUrl(
    "The keys with which tokens are signed, as a JWK set. With it, tokens that are JWTs are verified " +
      "here, and `{user}` is not asked",
  ),
  AUTH_JWT_ISSUER: text("The `iss` that JWTs must have", { allowed: "a text" }),
  AUTH_JWT_AUDIENCE: text("The `aud` that JWTs must have", { allowed: "a text" }),
  AUTH_JWT_USER_CLAIM: setting(z.string().default("sub"), {
    meaning: "The claim of a JWT that has the user's id",
    allowed: "the name of a claim",
    fallback: "sub",
  }),
  AUTH_JWT_ONLY: flag("Whether only JWTs that can be verified here are accepted"),
  AUTH_JWT_MAX_SECONDS: number(
    "The most seconds from `iat` to `exp` of a JWT. At the start, logouts are read back for as long",
    { range: [1, 30 * DAY_SECONDS], fallback: DAY_SECONDS },
  ),
  REQUEST_POOL_SIZE: number("The most requests at once to each API. As many more may wait", {
    range: [1, 100_000],
    fallback: 1000,
  }),
  BACKEND_TIMEOUT_MS: number(
    "Milliseconds within which a backend must answer, with all waiting and retries",
    { range: [1, 600_000], fallback: 10_000 },
  ),
  AUTH_REVALIDATE_SECONDS: number(
    "Seconds, more or less a tenth, after which a session's token is checked again. " +
      "0 turns this off",
    { range: [0, DAY_SECONDS], fallback: 300 },
  ),
  AUTH_CACHE_SECONDS: number("Seconds for which a valid token is not checked again", {
    range: [0, DAY_SECONDS],
    fallback: 10,
  }),
  MAX_BACKEND_BYTES: number("The largest answer of a backend, in bytes", {
    range: [1, GIB],
    fallback: 8 * MIB,
  }),
  MAX_MESSAGE_BYTES: number("The largest frame of a client, in bytes", {
    // Clients of the library rely on this minimum until they are told the setting (DEL8).
    range: [4096, 64 * MIB],
    fallback: MIB,
  }),
  MAX_INFLIGHT: number("The most commands of one session that run at once", {
    range: [1, 10_000],
    fallback: 16,
  }),
  MAX_WAITING: number("The most commands of one session that wait until they can run", {
    range: [1, 100_000],
    fallback: 256,
  }),
  RATE_LIMIT: number("Requests per second of one session. Twice as many may come in a burst", {
    range: [1, 1_000_000],
    fallback: 50,
  }),
  RATE_LIMIT_BYTES: number(
    `Bytes of frames per second of one session. ${BYTES_BURST_SECONDS} times as many may come in a burst`,
    { range: [KIB, GIB], fallback: 256 * KIB },
  ),
  MAX_SUBSCRIPTIONS: number("The most subscriptions of one session", {
    range: [1, 100_000],
    fallback: 1000,
  }),
  MAX_SESSION_BYTES: number(
    "The most bytes that are kept for the subscriptions of one session: ids, and what was asked for",
    { range: [KIB, GIB], fallback: 512 * KIB },
  ),
  IDLE_GUEST_SECONDS: number(
    "Seconds after which a session without a user, a subscription or a request is closed",
    { range: [1, DAY_SECONDS], fallback: 300 },
  ),
  MAX_BUFFERED_BYTES: number(
    "Unsent bytes above which a client is behind. It gets nothing more until it has caught up",
    { range: [KIB, GIB], fallback: MIB },
  ),
  SLOW_TIMEOUT_SECONDS: number(
    "Seconds that a client may be behind, for each MAX_BUFFERED_BYTES of unsent data",
    { range: [1, DAY_SECONDS], fallback: 10 },
  ),
  PING_SECONDS: number(
    "Seconds of silence after which a client is pinged. If it stays silent for as long again, " +
      "its connection is closed",
    { range: [1, DAY_SECONDS], fallback: 30 },
  ),
  RECOVERY_WINDOW_SECONDS: number("Seconds of the log that are kept, for clients that resume", {
    range: [1, DAY_SECONDS],
    fallback: 300,
  }),
  RECOVERY_MAX_BYTES: number("Bytes of memory that the kept part of the log may take", {
    range: [1, 64 * GIB],
    fallback: 64 * MIB,
  }),
  CURSOR_SECONDS: number("Seconds between two pushes that tell a session its cursor", {
    range: [1, DAY_SECONDS],
    fallback: 25,
  }),
  DEGRADED_AFTER_SECONDS: number(
    "Seconds without reading to the ends of all partitions after which the stream is degraded",
    { range: [1, DAY_SECONDS], fallback: 15 },
  ),
  RELOAD_CONCURRENCY: number("The most lists that are fetched again at once", {
    range: [1, 100_000],
    fallback: 50,
  }),
  MAX_RECORD_BYTES: number(
    "The largest value of a record, decompressed, in bytes. A larger one is set aside",
    { range: [1, GIB], fallback: 8 * MIB },
  ),
  MAX_BATCH_BYTES: number(
    "Bytes of a batch of records, decompressed. Its records beyond them are set aside",
    { range: [1, GIB], fallback: 64 * MIB },
  ),
  QUARANTINE_SIZE: number("The most unusable records that are remembered", {
    range: [0, 1_000_000],
    fallback: 1000,
  }),
  DRAIN_SECONDS: number("Seconds over which clients are sent away at the end, one by one", {
    range: [0, 3600],
    fallback: 10,
  }),
  SHUTDOWN_SECONDS: number(
    "Seconds after which the process ends at the latest. It must be more than DRAIN_SECONDS and " +
      "BACKEND_TIMEOUT_MS together",
    { range: [1, 7200], fallback: 30 },
  ),
  LOG_LEVEL: choice("The lowest level that is logged", {
    values: ["debug", "info", "warning", "error"],
    fallback: "info",
  }),
});

/** Whether a token is more than a few characters again and again. */
function isVaried(token: string): boolean {
  return new Set(token).size >= MIN_DIFFERENT;
}

/** All settings, parsed. Settings that follow from others are filled in. */
export type Settings =
  & Omit<z.output<typeof settingsSchema>, "HOST_ENV" | "INSTANCE_ID">
  & { HOST_ENV: string; INSTANCE_ID: string };

/** The name of a setting. */
export type SettingName = keyof typeof settingsSchema.shape;

/** The names of all settings, in the order in which people see them. */
export const SETTING_NAMES = Object.keys(settingsSchema.shape) as SettingName[];

/** How a setting is described to people. */
export function settingInfo(name: SettingName): SettingInfo {
  const info = infoOf(settingsSchema.shape[name]);
  if (!info) throw new Error(`${name} is not described`);
  return info;
}

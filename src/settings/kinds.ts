/**
 * The kinds of settings: each function makes the schema of one setting, and describes it for people.
 */
import { isIPv4, isIPv6 } from "node:net";
import * as z from "zod";
import { isOriginPattern } from "./origins.ts";

/** How a setting is described to people. */
export interface SettingInfo {
  readonly meaning: string;
  /** The values that it may have, as text that follows "expected". */
  readonly allowed: string;
  /** Its default, as it would be written, or in words. */
  readonly fallback: string;
  /** Whether its value must not be shown. False by default. */
  readonly secret?: boolean;
}

const infos = z.registry<SettingInfo>();

/** Describes the schema of a setting. */
export function setting<S extends z.ZodType>(schema: S, info: SettingInfo): S {
  // A clone, because several settings may share one schema.
  const own = schema.clone();
  infos.add(own, info);
  return own;
}

/** The description of a schema that {@linkcode setting} returned. */
export function infoOf(schema: z.ZodType): SettingInfo | undefined {
  return infos.get(schema);
}

/** A whole number in decimal, within a range that includes both ends. */
export function number(
  meaning: string,
  { range: [min, max], fallback }: { range: readonly [number, number]; fallback: number },
) {
  return setting(
    z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(min).max(max)).default(fallback),
    { meaning, allowed: `a whole number from ${min} to ${max}`, fallback: String(fallback) },
  );
}

/** `true` or `false`; false by default. */
export function flag(meaning: string) {
  return setting(z.enum(["true", "false"]).default("false").transform((text) => text === "true"), {
    meaning,
    allowed: "true or false",
    fallback: "false",
  });
}

/** One of several words. */
export function choice<const T extends string>(
  meaning: string,
  { values, fallback }: { values: readonly [T, ...T[]]; fallback: T },
) {
  return setting(z.enum(values).default(() => fallback as z.output<z.ZodEnum<{ [K in T]: K }>>), {
    meaning,
    allowed: `one of ${values.join(", ")}`,
    fallback,
  });
}

/** Any text that is not empty; none by default. */
export function text(
  meaning: string,
  { allowed, fallback = "none", secret = false }: Omit<SettingInfo, "meaning" | "fallback"> & {
    fallback?: string;
  },
) {
  return setting(z.string().optional(), { meaning, allowed, fallback, secret });
}

/** An address or a name to listen on. */
export function host(meaning: string, { fallback }: { fallback: string }) {
  return setting(z.string().refine(isHost).default(fallback), {
    meaning,
    allowed: "an IP address or a host name, without a port",
    fallback,
  });
}

const httpUrl = z.string().refine(isHttpUrl).transform((text) => new URL(text));
const HTTP_URL = "an http or https URL without a password";

/** The URL of an API, which is required. */
export function url(meaning: string) {
  return setting(httpUrl, { meaning, allowed: HTTP_URL, fallback: "required" });
}

/** The URL of an API; none by default. */
export function optionalUrl(meaning: string) {
  return setting(httpUrl.optional(), { meaning, allowed: HTTP_URL, fallback: "none" });
}

/** Brokers of Kafka, which are required. */
export function brokers(meaning: string) {
  const allowed = "a comma-separated list of host:port, such as localhost:9092 or [::1]:9092";
  return setting(list(isBroker), { meaning, allowed, fallback: "required" });
}

/** Origins of web pages and apps; by default all of them. */
export function origins(meaning: string) {
  return setting(list(isOriginPattern).default(["*"]), {
    meaning,
    allowed: "*, or a comma-separated list of origins, " +
      "such as https://example.com, https://*.example.com, capacitor://localhost, file:// or null",
    fallback: "*",
  });
}

function list(isItem: (text: string) => boolean) {
  return z.string()
    .transform((text) => text.split(",").map((item) => item.trim()))
    .pipe(z.array(z.string().refine(isItem)));
}

function isHost(text: string): boolean {
  if (text.includes(":")) return isIPv6(text);
  return /^[\d.]+$/.test(text) ? isIPv4(text) : /^[\w.-]+$/.test(text);
}

function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password;
}

function isBroker(text: string): boolean {
  const [, ipv6, port] = /^(?:[\w.-]+|\[([\da-f:.]+)\]):(\d{1,5})$/i.exec(text) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535 && (ipv6 === undefined || isIPv6(ipv6));
}

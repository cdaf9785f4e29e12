/**
 * From the texts of settings to their values, or to what is wrong with them.
 */
import type * as z from "zod";
import { findContradictions } from "./contradictions.ts";
import type { FoundSettings } from "./environment.ts";
import {
  SETTING_NAMES,
  settingInfo,
  type SettingName,
  type Settings,
  settingsSchema,
} from "./settings.ts";

/** Parsed settings, or one line for each problem. */
export type ParsedSettings<S> =
  | { readonly settings: S }
  | { readonly problems: readonly string[] };

/** The settings that are needed to write to the topic. */
const publishSchema = settingsSchema.pick({
  KAFKA_BROKERS: true,
  KAFKA_TOPIC: true,
  INSTANCE_ID: true,
  KAFKA_SSL: true,
  KAFKA_SASL_MECHANISM: true,
  KAFKA_SASL_USERNAME: true,
  KAFKA_SASL_PASSWORD: true,
});

const addressSchema = settingsSchema.pick({ HOST: true, PORT: true });

/** The settings that are needed to write to the topic, parsed. */
export type PublishSettings = Pick<Settings, keyof typeof publishSchema.shape>;

/**
 * Parses all settings.
 *
 * @param hostname The default of INSTANCE_ID
 */
export function parseSettings(
  found: FoundSettings,
  hostname: string | undefined,
): ParsedSettings<Settings> {
  const parsed = parse(settingsSchema, found);
  if ("problems" in parsed) return parsed;
  const { settings } = parsed;
  const contradictions = findContradictions(settings);
  if (contradictions.length > 0) return { problems: contradictions };
  const { HOST_ENV = settings.NODE_ENV, INSTANCE_ID = nameInstance(hostname) } = settings;
  return { settings: { ...settings, HOST_ENV, INSTANCE_ID } };
}

/** Parses where clients connect, as {@linkcode parseSettings} does. Ignores all others. */
export function parseAddress(
  found: FoundSettings,
): ParsedSettings<Pick<Settings, "HOST" | "PORT">> {
  return parse(addressSchema, found);
}

/** Parses what is needed to write to the topic, as {@linkcode parseSettings} does. Ignores all others. */
export function parsePublishSettings(
  found: FoundSettings,
  hostname: string | undefined,
): ParsedSettings<PublishSettings> {
  const parsed = parse(publishSchema, found);
  if ("problems" in parsed) return parsed;
  const { INSTANCE_ID = nameInstance(hostname), ...settings } = parsed.settings;
  return { settings: { ...settings, INSTANCE_ID } };
}

/**
 * The text of a setting as it may be shown, such as in an error. Hides secrets, users and passwords in
 * front of a host, and queries of URLs.
 */
export function showSetting(name: SettingName, text: string): string {
  if (settingInfo(name).secret) return "(hidden)";
  // A password may contain any character: everything up to the last "@" may be one.
  return text.replace(/^(\w+:\/\/)?.*@/s, "$1(hidden)@").replace(/\?.*/s, "?(hidden)");
}

/** Parses the settings of a schema, each by itself. */
function parse<S extends z.ZodObject>(
  schema: S,
  found: FoundSettings,
): ParsedSettings<z.output<S>> {
  const texts = Object.fromEntries([...found].map(([name, { text }]) => [name, text]));
  const result = schema.safeParse(texts);
  const wrong = new Map(
    result.error?.issues.toReversed().map(({ path }) => [path[0] as SettingName, path[1]]),
  );
  for (const [name, { text }] of found) {
    if (name in schema.shape && isTemplate(text)) wrong.set(name, undefined);
  }

  const problems = SETTING_NAMES.filter((name) => wrong.has(name))
    .map((name) => describeProblem(name, { text: found.get(name)?.text, item: wrong.get(name) }));
  if ("KAFKA_SASL_MECHANISM" in schema.shape) problems.push(...incompleteSasl(found));
  return !result.success || problems.length > 0 ? { problems } : { settings: result.data };
}

/** @param options.item The place of the first wrong item in a list */
function describeProblem(
  name: SettingName,
  { text, item }: { text: string | undefined; item: PropertyKey | undefined },
): string {
  const { allowed } = settingInfo(name);
  if (text === undefined) return `${name} is missing: expected ${allowed}`;
  const detail = isTemplate(text)
    ? ", a template that was not filled in"
    : showItem(name, { text, item });
  return `${name} is "${showSetting(name, text)}"${detail}: expected ${allowed}`;
}

function showItem(
  name: SettingName,
  { text, item }: { text: string; item: PropertyKey | undefined },
): string {
  // An item alone could show a part of a password, which may have a comma in it.
  if (typeof item !== "number" || !text.includes(",") || text.includes("@")) return "";
  return `, where "${showSetting(name, text.split(",")[item]?.trim() ?? "")}" is wrong`;
}

function isTemplate(text: string): boolean {
  return /\{\{.*\}\}/s.test(text);
}

function incompleteSasl(found: FoundSettings): string[] {
  const names = ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"] as const;
  const missing = names.filter((name) => !found.has(name));
  if (missing.length === 0 || missing.length === names.length) return [];
  return missing.map((name) =>
    `${name} is missing: expected ${settingInfo(name).allowed}, ` +
    "because another KAFKA_SASL_ setting is set"
  );
}

function nameInstance(hostname: string | undefined): string {
  return hostname || crypto.randomUUID().slice(0, 8);
}

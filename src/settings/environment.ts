/**
 * Where settings are found: in the environment, and in `.env` in the working directory.
 */
import { parseEnv } from "node:util";
import { editDistance } from "../util/edit_distance.ts";
import { SETTING_NAMES, type SettingName, type Settings } from "./settings.ts";

/** Where the text of a setting comes from. `default` is for settings that a program sets. */
export type SettingSource = "environment" | ".env" | "default";

/** Settings as they were found, before they are parsed. A setting with an empty text is left out. */
export type FoundSettings = ReadonlyMap<SettingName, { text: string; source: SettingSource }>;

/** What a text in UTF-16 may begin with. */
const UTF16_MARKS = [[0xff, 0xfe], [0xfe, 0xff]];

/** `.env` is there, but cannot be read. */
export class DotEnvError extends Error {
  override readonly name = "DotEnvError";
}

/**
 * Finds settings. A setting that the environment does not have, or has as an empty text, is taken from
 * `.env`.
 *
 * @returns The settings, and a line for each name in `.env` that looks like a typo
 * @throws {DotEnvError}
 */
export async function findSettings(): Promise<{ found: FoundSettings; warnings: string[] }> {
  const file = parseEnv(await readDotEnv());
  const found = new Map<SettingName, { text: string; source: "environment" | ".env" }>();
  for (const name of SETTING_NAMES) {
    const fromEnvironment = Deno.env.get(name);
    const text = fromEnvironment || file[name];
    if (text) found.set(name, { text, source: fromEnvironment ? "environment" : ".env" });
  }
  return { found, warnings: Object.keys(file).flatMap(warnOfTypo) };
}

/** What is wrong with the CA file, if KAFKA_SSL names one. */
export async function findCaProblem(
  { KAFKA_SSL }: Pick<Settings, "KAFKA_SSL">,
): Promise<string | undefined> {
  if (typeof KAFKA_SSL !== "string") return undefined;
  try {
    await Deno.readTextFile(KAFKA_SSL);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    return `KAFKA_SSL is "${KAFKA_SSL}", which cannot be read: ${reason}`;
  }
}

async function readDotEnv(): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(".env");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw new DotEnvError(`Cannot read .env: ${error instanceof Error ? error.message : error}`);
  }
  // Windows PowerShell writes UTF-16. Its letters of settings have a NUL each, which UTF-8 never needs.
  const isUtf16 = UTF16_MARKS.some((mark) => mark.every((byte, i) => bytes[i] === byte));
  if (isUtf16 || bytes.includes(0)) {
    throw new DotEnvError("Cannot read .env: its text is UTF-16; save it as UTF-8");
  }
  // The decoder leaves out the mark in front of a text, which would be part of the first name.
  return new TextDecoder().decode(bytes);
}

function warnOfTypo(name: string): string[] {
  if (SETTING_NAMES.some((known) => known === name)) return [];
  const meant = SETTING_NAMES.find((known) => editDistance(name.toUpperCase(), known) <= 2);
  return meant ? [`.env sets ${name}, which is not a setting. Did you mean ${meant}?`] : [];
}

/**
 * Where settings are found: the environment, and `.env` in the working directory (see `config`).
 */
import { levenshteinDistance } from "@std/text/levenshtein-distance";
import { parseEnv } from "node:util";
import { type FoundSettings, SETTING_NAMES, type SettingName, type Settings } from "./settings.ts";

/** The package ships no types. */
const distance: (a: string, b: string) => number = levenshteinDistance;

/**
 * Finds settings. What the environment does not set, or sets to nothing, is taken from `.env`.
 *
 * @returns The settings, and a line for each name in `.env` that looks like a slip of the pen
 * @throws {Error} `.env` is there and can't be read
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

/** A setting that names a file which can't be read is wrong as well. */
export async function findCaProblem(
  { KAFKA_SSL }: Pick<Settings, "KAFKA_SSL">,
): Promise<string | undefined> {
  if (typeof KAFKA_SSL !== "string") return undefined;
  try {
    await Deno.readTextFile(KAFKA_SSL);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    return `KAFKA_SSL is "${KAFKA_SSL}", which can't be read: ${reason}`;
  }
}

async function readDotEnv(): Promise<string> {
  try {
    return await Deno.readTextFile(".env");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw new Error(`Cannot read .env: ${error instanceof Error ? error.message : error}`);
  }
}

function warnOfTypo(name: string): string[] {
  if (SETTING_NAMES.some((known) => known === name)) return [];
  const meant = SETTING_NAMES.find((known) => distance(name.toUpperCase(), known) <= 2);
  return meant ? [`.env sets ${name}, which is no setting: is ${meant} meant?`] : [];
}

/**
 * `deno task docs`: writes the texts about the settings from their schema, which are the table in
 * `src/settings/README.md` and `.env.dist`.
 */
import { SETTING_NAMES, settingInfo, type SettingName } from "../settings/settings.ts";

/** The settings that an operator has to fill in. All others are left to their defaults. */
const EXAMPLES: Partial<Record<SettingName, string>> = {
  HOST_ENV: "local",
  NODE_ENV: "development",
  KAFKA_BROKERS: "localhost:9092",
  API_URL_USER: "https://api-user/users/me",
  API_URL_NOTIFICATION: "https://api-user/users/me/notifications",
};

/** The file with the table, from the root of the repository. */
export const README = "src/settings/README.md";
const START = "<!-- Written by deno task docs -->\n<!-- deno-fmt-ignore-start -->";
const END = "<!-- deno-fmt-ignore-end -->";

/** The README of the settings, with its table as the schema has it. */
export function withSettingsTable(readme: string): string {
  const [before, after] = [readme.indexOf(START), readme.indexOf(END)];
  if (before < 0 || after < before) {
    throw new Error(`${README} has no marks for the table of settings`);
  }
  const rows = SETTING_NAMES.map((name) => {
    const { meaning, allowed, fallback } = settingInfo(name);
    return `| ${name} | ${fallback} | ${meaning} (${allowed}) |\n`;
  });
  const table = `| name | default | meaning |\n|---|---|---|\n${rows.join("")}`;
  return `${readme.slice(0, before)}${START}\n\n${table}\n${readme.slice(after)}`;
}

/** `.env.dist`: a file to copy to `.env`. */
export function dotEnvDist(): string {
  const entries = SETTING_NAMES.map((name) => {
    const { meaning, allowed, fallback } = settingInfo(name);
    const example = EXAMPLES[name];
    const value = example ?? (/\s|^none$/.test(fallback) ? "" : fallback);
    return `# ${`${meaning} (${allowed})`.replaceAll("`", "")}\n` +
      `${example === undefined ? "#" : ""}${name}=${value}\n`;
  });
  return `# Copy this file to .env and fill it in. The environment takes precedence over it.\n\n${
    entries.join("\n")
  }`;
}

if (import.meta.main) {
  await Deno.writeTextFile(README, withSettingsTable(await Deno.readTextFile(README)));
  await Deno.writeTextFile(".env.dist", dotEnvDist());
}

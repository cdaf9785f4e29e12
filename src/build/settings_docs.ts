/**
 * `deno task docs`: writes what people read of the settings, from the schema: README's table and
 * `.env.dist`.
 */
import { SETTING_NAMES, settingInfo, type SettingName } from "../settings/settings.ts";

/** What one has to fill in; everything else is left to its default. */
const EXAMPLES: Partial<Record<SettingName, string>> = {
  HOST_ENV: "local",
  NODE_ENV: "development",
  KAFKA_BROKERS: "localhost:9092",
  API_URL_USER: "https://api-user/users/me",
  API_URL_NOTIFICATION: "https://api-user/users/me/notifications",
};

const START = "<!-- Written by deno task docs -->\n<!-- deno-fmt-ignore-start -->";
const END = "<!-- deno-fmt-ignore-end -->";

/** README with its table of settings as it should be. */
export function withSettingsTable(readme: string): string {
  const [before, after] = [readme.indexOf(START), readme.indexOf(END)];
  if (before < 0 || after < before) throw new Error("README has no place for the settings");
  const rows = SETTING_NAMES.map((name) => {
    const { meaning, allowed, fallback } = settingInfo(name);
    return `| ${name} | ${fallback} | ${meaning} (${allowed}) |\n`;
  });
  const table = `| name | default | meaning |\n|---|---|---|\n${rows.join("")}`;
  return `${readme.slice(0, before)}${START}\n\n${table}\n${readme.slice(after)}`;
}

/** A file to be copied to `.env`. */
export function dotEnvDist(): string {
  const entries = SETTING_NAMES.map((name) => {
    const { meaning, allowed, fallback } = settingInfo(name);
    const example = EXAMPLES[name];
    const value = example ?? (/\s|^none$/.test(fallback) ? "" : fallback);
    return `# ${`${meaning} (${allowed})`.replaceAll("`", "")}\n` +
      `${example === undefined ? "#" : ""}${name}=${value}\n`;
  });
  return `# Copy this to .env and fill it in. The environment comes before it.\n\n${
    entries.join("\n")
  }`;
}

if (import.meta.main) {
  await Deno.writeTextFile("README.md", withSettingsTable(await Deno.readTextFile("README.md")));
  await Deno.writeTextFile(".env.dist", dotEnvDist());
}

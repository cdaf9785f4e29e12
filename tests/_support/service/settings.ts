import type { FoundSettings } from "../../../src/settings/environment.ts";
import { parseSettings } from "../../../src/settings/parse.ts";
import type { SettingName, Settings } from "../../../src/settings/settings.ts";

/** Settings as they would be read from an environment, where empty is not set. */
export function settingsOf(environment: Partial<Record<SettingName, string>>): Settings {
  const found: FoundSettings = new Map(
    Object.entries(environment).filter(([, text]) => text !== "").map(([name, text]) => [
      name as SettingName,
      { text, source: "environment" },
    ]),
  );
  const parsed = parseSettings(found, undefined);
  if ("problems" in parsed) throw new Error(parsed.problems.join("\n"));
  return parsed.settings;
}

/** What a service needs to be told to run beside a test's backend. */
export function testEnvironment(backendOrigin: string) {
  return {
    NODE_ENV: "testing",
    KAFKA_BROKERS: "127.0.0.1:1",
    HOST: "127.0.0.1",
    PORT: "0",
    // Off, unless a test asks there.
    ADMIN_PORT: "0",
    // Not told of by itself, so that a test sees what it caused.
    CURSOR_SECONDS: "86400",
    // Tests ask faster than people, and wait for the end of services that they start.
    RATE_LIMIT: "100000",
    DRAIN_SECONDS: "0",
    API_URL_USER: `${backendOrigin}/user`,
    API_URL_NOTIFICATION: `${backendOrigin}/notification`,
    API_URL_SCHEDULE_MOBILE: `${backendOrigin}/schedule`,
    API_URL_TOURNAMENT_MOBILE: `${backendOrigin}/tournament`,
  } satisfies Partial<Record<SettingName, string>>;
}

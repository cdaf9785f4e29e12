import type { FoundSettings } from "../../../src/settings/environment.ts";
import { parseSettings } from "../../../src/settings/parse.ts";
import type { SettingName, Settings } from "../../../src/settings/settings.ts";

/** The settings that an environment gives. An empty value counts as not set. */
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

/** The environment that a service needs to run beside a test's backend. */
export function testEnvironment(backendOrigin: string) {
  return {
    NODE_ENV: "testing",
    KAFKA_BROKERS: "127.0.0.1:1",
    HOST: "127.0.0.1",
    PORT: "0",
    // Off, unless a test uses the admin port.
    ADMIN_PORT: "0",
    // No cursors come by themselves, so that a test sees only what it caused.
    CURSOR_SECONDS: "86400",
    // Tests send requests faster than people, and wait until the services that they start have ended.
    RATE_LIMIT: "100000",
    RATE_LIMIT_BYTES: "1073741824",
    DRAIN_SECONDS: "0",
    API_URL_USER: `${backendOrigin}/user`,
    API_URL_NOTIFICATION: `${backendOrigin}/notification`,
    API_URL_SCHEDULE_MOBILE: `${backendOrigin}/schedule`,
    API_URL_TOURNAMENT_MOBILE: `${backendOrigin}/tournament`,
  } satisfies Partial<Record<SettingName, string>>;
}

/**
 * Parsed settings for a service in this process.
 *
 * @param settings Values as the parser gives them. They may lie below the parser's minimum, such as
 *   `{ CURSOR_SECONDS: 0.05 }`, so that tests do not wait for whole seconds.
 */
export function testSettings(backendOrigin: string, settings: Partial<Settings> = {}): Settings {
  return { ...settingsOf(testEnvironment(backendOrigin)), ...settings };
}

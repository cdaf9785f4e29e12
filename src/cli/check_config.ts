/**
 * `wss --check-config`: prints every setting with its value and where the value comes from.
 */
import type { FoundSettings } from "../settings/environment.ts";
import { type ParsedSettings, parseSettings, showSetting } from "../settings/parse.ts";
import { SETTING_NAMES, settingInfo, type Settings } from "../settings/settings.ts";
import { print, printError } from "./print.ts";
import { readSettings } from "./read_settings.ts";

/**
 * Runs the command and gives the exit code.
 *
 * @throws {DotEnvError} `.env` cannot be read
 */
export async function checkConfig(): Promise<number> {
  const read = await readSettings(parseSettings);
  printSettings(read.found, read);
  return "problems" in read ? reportProblems(read) : 0;
}

/** Prints why the service cannot run with these settings, and gives the exit code. */
export function reportProblems(
  { problems, found }: { problems: readonly string[]; found: FoundSettings },
): number {
  for (const problem of problems) printError(problem);
  const advice = findAdvice(found);
  if (advice !== undefined) printError(advice);
  return 2;
}

/** What to do without Kafka; the binary has no demo. */
export function findAdvice(
  found: FoundSettings,
  { standalone }: Pick<typeof Deno.build, "standalone"> = Deno.build,
): string | undefined {
  if (found.has("KAFKA_BROKERS") || standalone) return undefined;
  return "To try wss without Kafka: deno task dev";
}

function printSettings(found: FoundSettings, parsed: ParsedSettings<Settings>): void {
  const rows = SETTING_NAMES.map((name) => {
    const entry = found.get(name);
    if (entry) return [name, showSetting(name, entry.text), entry.source];
    const value = "settings" in parsed ? parsed.settings[name] : undefined;
    const { fallback } = settingInfo(name);
    const source = fallback === "required" ? "required" : `default: ${fallback}`;
    return [name, String(value ?? ""), source];
  });
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    print(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
  }
}

/**
 * Reads the settings for a command of the command line, and prints what is wrong with them.
 */
import { findCaProblem, findSettings, type FoundSettings } from "../settings/environment.ts";
import type { ParsedSettings } from "../settings/parse.ts";
import type { Settings } from "../settings/settings.ts";
import { printError } from "./print.ts";

/** How a command parses its settings; `hostname` is the default of INSTANCE_ID. */
type Parse<S> = (found: FoundSettings, hostname: string | undefined) => ParsedSettings<S>;

/**
 * Finds and parses settings. Prints a warning for each name in `.env` that looks like a typo.
 *
 * @throws {DotEnvError} `.env` cannot be read
 */
export async function readSettings<S extends Pick<Settings, "KAFKA_SSL">>(
  parse: Parse<S>,
): Promise<ParsedSettings<S> & { readonly found: FoundSettings }> {
  const { found, warnings } = await findSettings();
  for (const warning of warnings) printError(warning);
  const parsed = parse(found, Deno.env.get("HOSTNAME"));
  if ("problems" in parsed) return { found, ...parsed };
  const problem = await findCaProblem(parsed.settings);
  return problem === undefined ? { found, ...parsed } : { found, problems: [problem] };
}

/**
 * Arguments of the command line, and what is said of wrong ones.
 */
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** Arguments that nothing can be done with: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** @param command Of which `--help` tells more */
  constructor(problem: string, command: string) {
    super(`${problem}. See ${command} --help`);
  }
}

/**
 * Parses the arguments of a command.
 *
 * @param config.argument What the one argument is that is no option; there is none without it
 * @throws {UsageError} There is one that the command does not have
 */
export function parseArguments<const Options extends ParseArgsOptionsConfig>(
  args: string[],
  { command, options, argument }: { command: string; options: Options; argument?: string },
) {
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isUnknown = "code" in error && error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION";
    throw new UsageError(
      isUnknown
        ? `${error.message.replace(/\. To specify .*$/s, "")}: expected ${listOptions(options)}`
        : error.message.replaceAll("\n", " ").replace(/\.$/, ""),
      command,
    );
  }
  const { values, positionals } = parsed;
  const surplus = positionals[argument === undefined ? 0 : 1];
  if (surplus !== undefined) {
    throw new UsageError(
      `Unknown argument '${surplus}': expected ${argument ? `one ${argument} and ` : ""}` +
        listOptions(options),
      command,
    );
  }
  return { values, argument: positionals[0] };
}

function listOptions(options: ParseArgsOptionsConfig): string {
  return Object.keys(options).map((name) => `--${name}`).join(", ");
}

/**
 * Arguments of the command line, and errors about wrong ones.
 */
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** An option without a value. */
export const FLAG = { type: "boolean" } as const;
/** `--help`, and `-h`. */
export const HELP_OPTION = { type: "boolean", short: "h" } as const;

/** Wrong arguments, which end the process with exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** @param command The command whose `--help` tells more */
  constructor(problem: string, command: string) {
    super(`${problem}. See ${command} --help`);
  }
}

/**
 * Parses the arguments of a command.
 *
 * @param config.argument The name of the one argument that is not an option, if the command has one
 * @throws {UsageError} The command has no such option or argument
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

/**
 * The command line: routes the arguments to what they ask for.
 */
import denoJson from "../deno.json" with { type: "json" };
import { createAsyncApi } from "./asyncapi/document.ts";
import { runCheck } from "./cli/check/check.ts";
import { checkConfig, reportProblems } from "./cli/check_config.ts";
import { runConnect } from "./cli/connect.ts";
import { checkHealth } from "./cli/health.ts";
import { HELP } from "./cli/help.ts";
import { OutputError, print, printError } from "./cli/print.ts";
import { runPublish } from "./cli/publish.ts";
import { readSettings } from "./cli/read_settings.ts";
import { FLAG, HELP_OPTION, parseArguments, UsageError } from "./cli/usage.ts";
import { createCommandTables } from "./commands/table.ts";
import { KafkaReader } from "./kafka/reader.ts";
import { createOpenApi } from "./openapi/document.ts";
import { runService } from "./run.ts";
import { DotEnvError } from "./settings/environment.ts";
import { parseSettings } from "./settings/parse.ts";
import type { StopSignals } from "./util/stop_signals.ts";

/** Runs what the command line asks for, and gives the exit code. */
type Command = (args: string[]) => number | Promise<number>;

/** The subcommands, which take the arguments that follow. */
const SUBCOMMANDS = new Map<string, Command>([
  ["connect", runConnect],
  ["publish", runPublish],
  ["check", runCheck],
]);

/** The options. Each one asks for something other than running the service. */
const OPTIONS = new Map<string, Command>([
  ["check-config", checkConfig],
  ["health", checkHealth],
  ["asyncapi", () => show(asyncApi())],
  ["openapi", () => show(openApi())],
  ["version", () => show(denoJson.version)],
  ["help", () => show(HELP)],
]);

/**
 * Runs one command line.
 *
 * @param signals Those that the service stops after. All other commands are ended by signals
 * @returns The exit code
 */
export async function main(args: string[], signals: StopSignals): Promise<number> {
  try {
    const [name = "", ...rest] = args;
    const command = SUBCOMMANDS.get(name) ?? findOption(args);
    if (!command) return await start(signals);
    signals.release();
    return await command(rest);
  } catch (error) {
    const isOutput = error instanceof OutputError;
    if (!(isOutput || error instanceof UsageError || error instanceof DotEnvError)) throw error;
    printError(error.message);
    return isOutput ? 1 : 2;
  }
}

/**
 * Finds the command that the option asks for. Without an option there is none: the service is to run.
 *
 * @throws {UsageError} The arguments are unknown, or too many
 */
function findOption(args: string[]): Command | undefined {
  const [first] = args;
  if (first !== undefined && !first.startsWith("-")) {
    throw new UsageError(
      `Unknown argument '${first}': expected ${[...SUBCOMMANDS.keys()].join(", ")} or an option`,
      "wss",
    );
  }
  const { values } = parseArguments(args, {
    command: "wss",
    options: Object.fromEntries(
      [...OPTIONS.keys()].map((name) => [name, name === "help" ? HELP_OPTION : FLAG]),
    ),
  });
  const given = [...OPTIONS.keys()].filter((name) => values[name]);
  if (given.length > 1) {
    throw new UsageError(`Only one of --${given.join(", --")} can be given`, "wss");
  }
  return OPTIONS.get(given[0] ?? "");
}

function show(text: string): number {
  print(text);
  return 0;
}

/** The document of a service with all of its APIs. */
function asyncApi(): string {
  const tables = createCommandTables({ has: () => true });
  return JSON.stringify(createAsyncApi({ version: denoJson.version, tables }), null, 2);
}

function openApi(): string {
  return JSON.stringify(createOpenApi({ version: denoJson.version }), null, 2);
}

/** Runs the service with the settings of the environment. */
async function start(signals: StopSignals): Promise<number> {
  const read = await readSettings(parseSettings);
  if ("problems" in read) return reportProblems(read);
  return await runService(read.settings, new KafkaReader(read.settings), { signals });
}

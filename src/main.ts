/**
 * The command line: reads the environment, wires the parts, runs until told to stop.
 */
import { getLogger } from "@logtape/logtape";
import denoJson from "../deno.json" with { type: "json" };
import { createAsyncApi } from "./asyncapi/document.ts";
import { runConnect } from "./cli/connect.ts";
import { print, printError } from "./cli/print.ts";
import { runPublish } from "./cli/publish.ts";
import { parseArguments, UsageError } from "./cli/usage.ts";
import { findCaProblem, findSettings, type FoundSettings } from "./settings/environment.ts";
import { type ParsedSettings, parseSettings, showSetting } from "./settings/parse.ts";
import { SETTING_NAMES, settingInfo, type Settings } from "./settings/settings.ts";
import { createKafkaReader } from "./kafka/reader.ts";
import { runService } from "./run.ts";

const HELP = `wss ${denoJson.version}: tells websocket clients of new notifications

Usage: wss [option]
       wss connect URL [--token T] [--types a,b] [--json]
       wss publish --user U --type T --data JSON

Without an option the service runs until SIGTERM or SIGINT. connect is a client of a service that
runs, publish writes a notification to the topic; each has a --help of its own.

  --check-config  print every setting and where it comes from, then end
  --health        ask the running service's /healthz; exit code 0 or 1
  --asyncapi      print what clients and backends send and get, as AsyncAPI 3
  --version       print the version
  --help          print this

Settings come from the environment and from .env in the working directory.
Exit codes: 0 a clean end, 1 a failure while running, 2 wrong settings or arguments.`;

const OPTIONS = ["check-config", "health", "asyncapi", "version", "help"] as const;
type Option = (typeof OPTIONS)[number];

/** Runs one command line and gives the exit code. */
async function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  try {
    if (command === "connect") return await runConnect(rest);
    if (command === "publish") return await runPublish(rest);
    if (command !== undefined && !command.startsWith("-")) {
      throw new UsageError(
        `Unknown argument '${command}': expected connect, publish or an option`,
        "wss",
      );
    }
    return await runOption(parseOption(args));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    printError(error.message);
    return 2;
  }
}

/** Runs the service, or what is asked of it instead. */
async function runOption(option: Option | undefined): Promise<number> {
  switch (option) {
    case "help":
      print(HELP);
      return 0;
    case "asyncapi":
      print(JSON.stringify(createAsyncApi(denoJson), null, 2));
      return 0;
    case "version":
      print(denoJson.version);
      return 0;
  }

  let found: FoundSettings;
  try {
    const { warnings, ...rest } = await findSettings();
    found = rest.found;
    for (const warning of warnings) printError(warning);
  } catch (error) {
    printError(error instanceof Error ? error.message : String(error));
    return 2;
  }
  const parsed = parseSettings(found, Deno.env.get("HOSTNAME"));
  if ("settings" in parsed) {
    const problem = await findCaProblem(parsed.settings);
    if (problem) {
      printError(problem);
      return 2;
    }
  }
  if (option === "check-config") printSettings(found, parsed);
  if (option === "health") return await checkHealth(found);
  if ("problems" in parsed) {
    for (const problem of parsed.problems) printError(problem);
    if (!found.has("KAFKA_BROKERS")) printError("To try wss without Kafka: deno task dev");
    return 2;
  }
  if (option === "check-config") return 0;
  return await runService(parsed.settings, createKafkaReader(parsed.settings));
}

/** @throws {UsageError} An argument that there is not */
function parseOption(args: string[]): Option | undefined {
  const { values } = parseArguments(args, {
    command: "wss",
    options: Object.fromEntries(OPTIONS.map((name) => [name, { type: "boolean" as const }])),
  });
  const given = OPTIONS.filter((name) => values[name]);
  if (given.length > 1) {
    throw new UsageError(`Only one of --${given.join(", --")} can be given`, "wss");
  }
  return given[0];
}

/** One line a setting: what it is, and where that comes from. */
function printSettings(
  found: FoundSettings,
  parsed: ParsedSettings<Settings>,
): void {
  const rows = SETTING_NAMES.map((name) => {
    const entry = found.get(name);
    if (entry) return [name, showSetting(name, entry.text), entry.source];
    const value = "settings" in parsed ? parsed.settings[name] : undefined;
    return [name, String(value ?? ""), `default: ${settingInfo(name).fallback}`];
  });
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    print(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
  }
}

/** Asks the service that runs with the same HOST and PORT, such as for a container's health. */
async function checkHealth(found: FoundSettings): Promise<number> {
  const host = found.get("HOST")?.text ?? settingInfo("HOST").fallback;
  const port = found.get("PORT")?.text ?? settingInfo("PORT").fallback;
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  const address = `${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
  try {
    const response = await fetch(`http://${address}/healthz`, {
      signal: AbortSignal.timeout(3000),
    });
    await response.body?.cancel();
    if (response.ok) return 0;
    printError(`Not healthy: ${address} answered ${response.status}`);
  } catch (error) {
    printError(`Not healthy: ${address}: ${error instanceof Error ? error.message : error}`);
  }
  return 1;
}

if (import.meta.main) {
  const code = await main(Deno.args);
  getLogger(["wss", "main"]).debug("Ends with {code}", { code });
  Deno.exit(code);
}

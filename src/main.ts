/**
 * The command line: reads the environment, wires the parts, runs until told to stop.
 */
import { getLogger } from "@logtape/logtape";
import { parseArgs } from "node:util";
import denoJson from "../deno.json" with { type: "json" };
import { createAsyncApi } from "./asyncapi/document.ts";
import {
  type FoundSettings,
  parseSettings,
  SETTING_NAMES,
  settingInfo,
  type Settings,
  showSetting,
} from "./config.ts";
import { findSettings } from "./environment.ts";
import { createKafkaReader } from "./kafka/consumer.ts";
import { runService } from "./run.ts";

const HELP = `wss ${denoJson.version}: tells websocket clients of new notifications

Usage: wss [option]

Without an option the service runs until SIGTERM or SIGINT.

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
  let option: Option | undefined;
  try {
    option = parseOption(args);
  } catch (error) {
    printError(`${error instanceof Error ? error.message : error}. See wss --help`);
    return 2;
  }
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

/** @throws {Error} An argument that there is not */
function parseOption(args: string[]): Option | undefined {
  const { values, positionals } = parseArgs({
    args,
    options: Object.fromEntries(OPTIONS.map((name) => [name, { type: "boolean" as const }])),
    allowPositionals: true,
  });
  if (positionals.length > 0) throw new Error(`Unknown argument '${positionals[0]}'`);
  const given = OPTIONS.filter((name) => values[name]);
  if (given.length > 1) throw new Error(`Only one of --${given.join(", --")} can be given`);
  return given[0];
}

/** One line a setting: what it is, and where that comes from. */
function printSettings(
  found: FoundSettings,
  parsed: { settings: Settings } | { problems: string[] },
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

/** A setting that names a file which can't be read is wrong as well. */
async function findCaProblem({ KAFKA_SSL }: Settings): Promise<string | undefined> {
  if (typeof KAFKA_SSL !== "string") return undefined;
  try {
    await Deno.readTextFile(KAFKA_SSL);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    return `KAFKA_SSL is "${KAFKA_SSL}", which can't be read: ${reason}`;
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

function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

function printError(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}

if (import.meta.main) {
  const code = await main(Deno.args);
  getLogger(["wss", "main"]).debug("Ends with {code}", { code });
  Deno.exit(code);
}

/**
 * `wss check`: tries what the settings name, as the service would use it, and says what is wrong.
 */
import { checkKafka } from "../../kafka/check/check_kafka.ts";
import type { Finding } from "../../kafka/check/finding.ts";
import { parseSettings } from "../../settings/parse.ts";
import { reportProblems } from "../check_config.ts";
import { paint, printable } from "../output.ts";
import { print } from "../print.ts";
import { readSettings } from "../read_settings.ts";
import { FLAG, HELP_OPTION, parseArguments } from "../usage.ts";
import { checkApis } from "./check_apis.ts";

const HELP = `Usage: wss check [--json]

Tries what the settings name, before a deploy: that each broker can be reached, with TLS and SASL, that
the topic is there, can be read, and keeps records as long as clients may resume, that each API answers,
and that clocks agree. It writes nothing.

  --json  print an object for each finding: subject, text, and advice if it is a problem

Settings come from the environment, and from .env in the working directory.
Exit codes: 0 all is well, 1 there is a problem, 2 wrong settings or arguments.`;

const GREEN = 32;
const RED = 31;

/**
 * Runs the command and gives the exit code.
 *
 * @throws {UsageError} The arguments are wrong
 * @throws {DotEnvError} `.env` cannot be read
 */
export async function runCheck(args: string[]): Promise<number> {
  const { values } = parseArguments(args, {
    command: "wss check",
    options: { json: FLAG, help: HELP_OPTION },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const read = await readSettings(parseSettings);
  if ("problems" in read) return reportProblems(read);
  const isColored = Deno.stdout.isTerminal() && !Deno.noColor;
  let problems = 0;
  const show = (finding: Finding) => {
    if (finding.advice !== undefined) problems++;
    print(values.json ? printable(JSON.stringify(finding)) : lineOf(finding, { isColored }));
  };
  const apis = checkApis(read.settings);
  for await (const finding of checkKafka(read.settings)) show(finding);
  for (const finding of await apis) show(finding);
  return problems === 0 ? 0 : 1;
}

function lineOf({ subject, text, advice }: Finding, { isColored }: { isColored: boolean }): string {
  const isProblem = advice !== undefined;
  const mark = paint(
    (isProblem ? "problem" : "ok").padEnd(7),
    isColored && (isProblem ? RED : GREEN),
  );
  return `${mark}  ${printable(`${subject}: ${text}${isProblem ? `. To do: ${advice}` : ""}`)}`;
}

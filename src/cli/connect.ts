/**
 * `wss connect`: a client in a terminal, to see what a user gets and to try commands.
 */
import { follow } from "./follow.ts";
import { editLine, readLines } from "./input.ts";
import { print, printError } from "./print.ts";
import { parseArguments, UsageError } from "./usage.ts";

const COMMAND = "wss connect";

const HELP = `Usage: wss connect URL [--token T] [--types a,b] [--json]

Connects to a service, such as ws://localhost:3110/web, as a user or, without a token, as a guest:
lists the user's notifications and follows what is pushed, a line each on stdout. What the connection
does is said on stderr.

  --token  the user's token; - reads it from the first line of stdin, which keeps it out of the list
           of processes
  --types  these types of notifications only, comma separated
  --json   JSON lines: {"kind": "list" | "update" | "reload" | "push" | "reply" | "error", …}

Commands are read from stdin, one a line, and done one after another. What they subscribe to ends
with the connection, unlike the list:

  {"command": "getMyNotificationsCount", "options": {"where": {"types": []}, "status": "unseen"}}

It ends with Ctrl-C, at a terminal with Ctrl-D as well; the end of any other stdin does not end it.
Exit codes: 0 a clean end, 1 the token was refused or the service has closed for good, 2 wrong
arguments.`;

/**
 * Runs the command and gives the exit code.
 *
 * @throws {UsageError} The arguments are wrong
 */
export async function runConnect(args: string[]): Promise<number> {
  const { values, argument } = parseArguments(args, {
    command: COMMAND,
    argument: "URL",
    options: {
      token: { type: "string" },
      types: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const url = parseUrl(argument);
  const types = values.types === undefined ? [] : parseTypes(values.types);
  if (values.token === "") throw new UsageError('--token is "": expected a token, or -', COMMAND);
  if (values.types !== undefined && values.token === undefined) {
    throw new UsageError("--types is for users: expected --token with it", COMMAND);
  }

  const interrupted = nextSignal();
  const lines = readLines(Deno.stdin.readable);
  const token = values.token === "-" ? await readToken(lines, interrupted) : values.token ?? null;
  if (token === 0) return token;
  return await follow({ url, token, types, isJson: values.json ?? false }, { lines, interrupted });
}

function parseUrl(text: string | undefined): URL {
  const expected = "expected a URL such as ws://localhost:3110/web or wss://example.com/mobile";
  if (text === undefined) throw new UsageError(`The URL is missing: ${expected}`, COMMAND);
  const url = URL.parse(text);
  const problem = url ? problemOf(url) : `it can't be parsed, of ${text.length} characters`;
  if (url && !problem) return url;
  throw new UsageError(`The URL is wrong, ${problem}: ${expected}`, COMMAND);
}

/** What is wrong with a URL, of which nothing is shown: a password or a token may be in any part. */
function problemOf({ protocol, username, password, hash }: URL): string | undefined {
  if (username || password) return "it has a user or a password, but --token says who connects";
  if (!/^wss?:$/.test(protocol)) return "its scheme is not ws or wss";
  if (hash) return "it has a fragment, behind #";
}

function parseTypes(text: string): string[] {
  const types = text.split(",").map((type) => type.trim());
  if (types.every((type) => type)) return types;
  throw new UsageError(`--types is "${text}": expected types, comma separated`, COMMAND);
}

/**
 * Reads the token, which a terminal does not show.
 *
 * @throws {UsageError} Nothing comes
 */
async function readToken(
  lines: AsyncIterator<string, void>,
  interrupted: Promise<0>,
): Promise<string | 0> {
  const isTerminal = Deno.stdin.isTerminal();
  if (isTerminal) {
    // In this order: who is asked may answer at once.
    Deno.stdin.setRaw(true, { cbreak: true });
    printError("Token, which is not shown:");
  }
  try {
    for (;;) {
      const next = await Promise.race([interrupted, lines.next()]);
      if (next === 0) return next;
      if (next.done) break;
      const token = isTerminal ? editLine(next.value) : next.value;
      if (token) return token;
    }
    // Ctrl-D, which ends it later on as well.
    if (isTerminal) return 0;
  } finally {
    if (isTerminal) Deno.stdin.setRaw(false);
  }
  throw new UsageError("--token is -: expected the token as the first line of stdin", COMMAND);
}

/** Resolves with the exit code when the process is told to end. */
function nextSignal(): Promise<0> {
  const { promise, resolve } = Promise.withResolvers<0>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => resolve(0));
  }
  return promise;
}

/**
 * `wss connect`: a client in a terminal. It shows what a user gets, and is for trying commands.
 */
import { follow } from "./follow.ts";
import { editLine, readLines } from "./input.ts";
import { print, printError } from "./print.ts";
import { HELP_OPTION, parseArguments, UsageError } from "./usage.ts";

const COMMAND = "wss connect";

const HELP = `Usage: wss connect URL [--token T] [--types a,b] [--json]

Connects to a service, such as ws://localhost:3110/web. With a token, connects as its user: prints the
user's notifications, then each push, one line each on stdout. Without a token, connects as a guest.
The state of the connection goes to stderr.

  --token  the token of the user. With -, it is read from the first line of stdin, so that it does
           not appear in the list of processes
  --types  only notifications of these types, separated by commas
  --json   print JSON lines: {"kind": "list" | "update" | "reload" | "push" | "reply" | "error", …}

Commands are read from stdin, one per line. Each is sent when the one before has its reply. A
subscription that a command makes ends with the connection; the list goes on after a reconnect:

  {"command": "getMyNotificationsCount", "options": {"where": {"types": []}, "status": "unseen"}}

Ctrl-C ends it. Ctrl-D at a terminal ends it too, but the end of any other stdin does not.
Exit codes: 0 a clean end, 1 the service refused the token or closed the connection for good, 2 wrong
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
      help: HELP_OPTION,
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
    throw new UsageError("--types needs a user: expected --token as well", COMMAND);
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
  const problem = url ? problemOf(url) : `its ${text.length} characters are not a URL`;
  if (url && !problem) return url;
  throw new UsageError(`The URL is wrong, ${problem}: ${expected}`, COMMAND);
}

/** What is wrong with a URL. Shows no part of it, because any part may hold a password or a token. */
function problemOf({ protocol, username, password, hash }: URL): string | undefined {
  if (username || password) return "it has a user or a password, but --token says who connects";
  if (!/^wss?:$/.test(protocol)) return "its scheme is not ws or wss";
  if (hash) return "it has a fragment (#)";
}

function parseTypes(text: string): string[] {
  const types = text.split(",").map((type) => type.trim());
  if (types.every((type) => type)) return types;
  throw new UsageError(`--types is "${text}": expected types, separated by commas`, COMMAND);
}

/**
 * Reads the token from the first line of stdin. A terminal does not show it.
 *
 * @returns The token, or the exit code if the user ends the command instead
 * @throws {UsageError} Stdin ends without a token
 */
async function readToken(
  lines: AsyncIterator<string, void>,
  interrupted: Promise<0>,
): Promise<string | 0> {
  const isTerminal = Deno.stdin.isTerminal();
  if (isTerminal) {
    // Before the prompt, because the answer may come at once.
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
    // Ctrl-D, which ends the command at any time.
    if (isTerminal) return 0;
  } finally {
    if (isTerminal) Deno.stdin.setRaw(false);
  }
  throw new UsageError("--token is -: expected the token as the first line of stdin", COMMAND);
}

/** Resolves with the exit code when a signal asks the process to end. */
function nextSignal(): Promise<0> {
  const { promise, resolve } = Promise.withResolvers<0>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => resolve(0));
  }
  return promise;
}

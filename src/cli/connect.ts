/**
 * `wss connect`: a client in a terminal, to see what a user gets and to try commands.
 */
import { setTimeout } from "node:timers/promises";
import { connect, type Inbox, WssError } from "../client/mod.ts";
import { parseCommand, readLines, type TypedCommand } from "./input.ts";
import { type Shown, textLines } from "./output.ts";
import { print, printError } from "./print.ts";
import { createStateTeller, isWanted } from "./states.ts";
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

/** Milliseconds for a close frame to go out. */
const CLOSE_MS = 100;

/** What to connect as, to what. */
interface Target {
  readonly url: URL;
  /** `null` for a guest. */
  readonly token: string | null;
  readonly types: readonly string[];
  readonly isJson: boolean;
}

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
  if (!url || !/^wss?:$/.test(url.protocol) || url.username || url.password || url.hash) {
    throw new UsageError(`Cannot connect to '${text}': ${expected}`, COMMAND);
  }
  return url;
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
    printError("Token, which is not shown:");
    Deno.stdin.setRaw(true, { cbreak: true });
  }
  try {
    const first = await Promise.race([interrupted, lines.next()]);
    if (first === 0) return first;
    if (first.value) return first.value;
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

/** Connects, prints what comes and does what is typed, until the end; gives the exit code. */
async function follow(
  { url, token: firstToken, types, isJson }: Target,
  { lines, interrupted }: {
    lines: AsyncIterableIterator<string, void>;
    interrupted: Promise<number>;
  },
): Promise<number> {
  const end = Promise.withResolvers<number>();
  const show = createShow({ isJson, onReaderGone: () => end.resolve(0) });
  const tell = createStateTeller({ url, isGuest: () => token === null });
  let token = firstToken;
  let inbox: Inbox | undefined;

  const client = connect(url, {
    token: () => token,
    onState(state) {
      const told = tell(state);
      if (told) printError(told);
      if (state.state === "closed" && !isWanted(state.last)) end.resolve(1);
    },
    onFrame(direction, text) {
      if (direction === "out") return;
      const { rid, event, status, payload, id } = JSON.parse(text);
      const isTold = event === "stream" || event === "server" || event === inbox?.id;
      if (rid === -1 && !isTold) show({ kind: "push", event, status, payload, id });
    },
  });

  async function list(): Promise<void> {
    inbox = client.notifications({ types });
    try {
      for await (const change of inbox) await show(change);
    } catch (error) {
      if (!(error instanceof WssError)) throw error;
      if (error.slug === "closed") return;
      printError(`The list ended: ${error.message}`);
      end.resolve(1);
    }
  }

  async function obey(): Promise<void> {
    for await (const line of lines) {
      const typed = parseCommand(line);
      if ("problem" in typed) {
        printError(typed.problem);
        continue;
      }
      const { command, options } = typed;
      try {
        await show({ kind: "reply", command, payload: await client.request(command, options) });
        if (command === "authentication") loggedIn(options);
      } catch (error) {
        if (!(error instanceof WssError)) throw error;
        if (error.slug === "closed") return;
        const { slug, message, temporary, retryAfterMs } = error;
        await show({ kind: "error", command, slug, message, temporary, retryAfterMs });
      }
    }
    if (Deno.stdin.isTerminal()) end.resolve(0);
  }

  /** A command has made the session another user's, or a guest's, and has ended its list (AUTH1). */
  function loggedIn({ authToken, update }: TypedCommand["options"]): void {
    token = typeof authToken === "string" && authToken ? authToken : null;
    if (update === true) return;
    inbox?.close();
    if (token !== null) list().catch(end.reject);
  }

  if (token !== null) list().catch(end.reject);
  obey().catch(end.reject);
  try {
    return await Promise.race([interrupted, end.promise]);
  } finally {
    client.close();
    // The process ends next, and nothing tells when the close frame is out.
    await setTimeout(CLOSE_MS);
  }
}

/** Prints in order, and no faster than it is read. */
function createShow({ isJson, onReaderGone }: { isJson: boolean; onReaderGone: () => void }) {
  const writer = Deno.stdout.writable.getWriter();
  const encoder = new TextEncoder();
  const isColored = Deno.stdout.isTerminal() && !Deno.noColor;

  return async function show(shown: Shown): Promise<void> {
    const printed = isJson ? [JSON.stringify(shown)] : textLines(shown, { isColored });
    try {
      await writer.write(encoder.encode(printed.map((line) => `${line}\n`).join("")));
    } catch (error) {
      // Such as `head`, which has had enough.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      onReaderGone();
    }
  };
}

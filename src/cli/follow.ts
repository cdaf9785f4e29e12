/**
 * What `wss connect` does once its arguments are known: connects, prints, and sends commands.
 */
import { setTimeout } from "node:timers/promises";
import { readFrames } from "../client/frame.ts";
import { connect, type Inbox, WssError } from "../client/mod.ts";
import { parseCommand, type TypedCommand } from "./input.ts";
import { jsonLine, type Shown, textLines } from "./output.ts";
import { OutputError, printError } from "./print.ts";
import { createStateDescriber, isWanted } from "./states.ts";

/** Milliseconds in which the close frame is sent. */
const CLOSE_MS = 100;

/** Where to connect, and as which user. */
export interface FollowOptions {
  readonly url: URL;
  /** `null` for a guest. */
  readonly token: string | null;
  readonly types: readonly string[];
  readonly isJson: boolean;
}

/**
 * Connects, prints what comes, and sends the commands that are typed, until the end.
 *
 * @returns The exit code
 */
export async function follow(
  { url, token: firstToken, types, isJson }: FollowOptions,
  { lines, interrupted }: {
    lines: AsyncIterableIterator<string, void>;
    interrupted: Promise<number>;
  },
): Promise<number> {
  const end = Promise.withResolvers<number>();
  const show = createShow({ isJson, onEnd: end.resolve });
  const describe = createStateDescriber({ url, isGuest: () => token === null });
  let token = firstToken;
  let inbox: Inbox | undefined;

  const client = connect(url, {
    token: () => token,
    onState(state) {
      const text = describe(state);
      if (text) printError(text);
      if (state.state === "closed" && !isWanted(state.last)) end.resolve(1);
      // There is no other token.
      if (state.state === "unauthorized") end.resolve(1);
    },
    onFrame(direction, text) {
      if (direction === "out") return;
      for (const { rid, event, status, payload, id } of readFrames(text)) {
        const isKnown = event === "stream" || event === "server" || event === inbox?.id;
        if (rid !== -1 || isKnown) continue;
        show({ kind: "push", event, status, payload, id }).catch(end.reject);
      }
    },
  });

  async function followList(): Promise<void> {
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

  async function sendCommands(): Promise<void> {
    for await (const line of lines) {
      const typed = parseCommand(line);
      if ("problem" in typed) {
        printError(typed.problem);
        continue;
      }
      const { command, options } = typed;
      try {
        await show({ kind: "reply", command, payload: await client.request(command, options) });
        if (command === "authentication") afterLogin(options);
      } catch (error) {
        if (!(error instanceof WssError)) throw error;
        if (error.slug === "closed") return;
        const { slug, message, temporary, retryAfterMs } = error;
        await show({ kind: "error", command, slug, message, temporary, retryAfterMs });
      }
    }
    if (Deno.stdin.isTerminal()) end.resolve(0);
  }

  /** Follows a command that gave the session another user or none, which ended its list (AUTH1). */
  function afterLogin({ authToken, update }: TypedCommand["options"]): void {
    token = typeof authToken === "string" && authToken ? authToken : null;
    if (update === true) return;
    inbox?.close();
    if (token !== null) followList().catch(end.reject);
  }

  if (token !== null) followList().catch(end.reject);
  sendCommands().catch(end.reject);
  try {
    return await Promise.race([interrupted, end.promise]);
  } finally {
    client.close();
    // The process ends next, and no event tells when the close frame has been sent.
    await setTimeout(CLOSE_MS);
  }
}

/** Prints in order, and waits for a slow reader. Calls `onEnd` if stdout cannot be written any more. */
function createShow({ isJson, onEnd }: { isJson: boolean; onEnd: (code: number) => void }) {
  const writer = Deno.stdout.writable.getWriter();
  const encoder = new TextEncoder();
  const isColored = Deno.stdout.isTerminal() && !Deno.noColor;
  let hasFailed = false;

  return async function show(shown: Shown): Promise<void> {
    const printed = isJson ? [jsonLine(shown)] : textLines(shown, { isColored });
    try {
      await writer.write(encoder.encode(printed.map((line) => `${line}\n`).join("")));
    } catch (error) {
      // After one failure, all writes fail.
      if (hasFailed) return;
      hasFailed = true;
      // The reader has ended, such as `head`.
      if (error instanceof Deno.errors.BrokenPipe) return onEnd(0);
      printError(new OutputError(error).message);
      onEnd(1);
    }
  };
}

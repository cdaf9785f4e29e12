/**
 * What `wss connect` does once it knows to what, and as whom.
 */
import { setTimeout } from "node:timers/promises";
import { readFrames } from "../client/frame.ts";
import { connect, type Inbox, WssError } from "../client/mod.ts";
import { parseCommand, type TypedCommand } from "./input.ts";
import { jsonLine, type Shown, textLines } from "./output.ts";
import { printError } from "./print.ts";
import { createStateTeller, isWanted } from "./states.ts";

/** Milliseconds for a close frame to go out. */
const CLOSE_MS = 100;

/** What to connect as, to what. */
export interface Target {
  readonly url: URL;
  /** `null` for a guest. */
  readonly token: string | null;
  readonly types: readonly string[];
  readonly isJson: boolean;
}

/** Connects, prints what comes and does what is typed, until the end; gives the exit code. */
export async function follow(
  { url, token: firstToken, types, isJson }: Target,
  { lines, interrupted }: {
    lines: AsyncIterableIterator<string, void>;
    interrupted: Promise<number>;
  },
): Promise<number> {
  const end = Promise.withResolvers<number>();
  const show = createShow({ isJson, onEnd: end.resolve });
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
      for (const { rid, event, status, payload, id } of readFrames(text)) {
        const isTold = event === "stream" || event === "server" || event === inbox?.id;
        if (rid !== -1 || isTold) continue;
        show({ kind: "push", event, status, payload, id }).catch(end.reject);
      }
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

/** Prints in order, and no faster than it is read; gives an exit code where that can't go on. */
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
      // All writes fail after one that has.
      if (hasFailed) return;
      hasFailed = true;
      // Such as `head`, which has had enough.
      if (error instanceof Deno.errors.BrokenPipe) return onEnd(0);
      printError(`Cannot write to stdout: ${error instanceof Error ? error.message : error}`);
      onEnd(1);
    }
  };
}

/**
 * The input of `wss connect`: commands, one per line.
 */
import * as z from "zod";

const EXAMPLE =
  '{"command": "getMyNotificationsCount", "options": {"where": {"types": []}, "status": "unseen"}}';

const commandSchema = z.object({
  command: z.string().min(1),
  options: z.record(z.string(), z.unknown()).default({}),
});

/** A command for the service, as it was typed. */
export type TypedCommand = z.output<typeof commandSchema>;

/** Parses a command. A problem does not show the line, because the line may be a token. */
export function parseCommand(line: string): TypedCommand | { problem: string } {
  const refuse = (reason: string) => ({
    problem: `Cannot take a line of ${line.length} characters as a command: ${reason}, ` +
      `expected JSON such as ${EXAMPLE}`,
  });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refuse("it is not JSON");
  }
  const { success, data, error } = commandSchema.safeParse(value);
  if (success) return data;
  const isOfOptions = error.issues.every(({ path }) => path[0] === "options");
  return refuse(isOfOptions ? "its options are not an object" : "it has no command");
}

/** Ctrl-D, as a terminal sends it while it does not wait for whole lines. */
const END = "\x04";

/** The lines of a stream, trimmed, without empty lines. Reads only when a line is asked for. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  // A TextDecoderStream would read ahead. A read that starts before the terminal waits for whole lines
  // again would not take Ctrl-D as the end.
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const [text = "", ...afterEnd] = decoder.decode(chunk, { stream: true }).split(END);
    const parts = (rest + text).split(/[\r\n]/);
    rest = parts.pop() ?? "";
    for (const line of parts) if (line.trim()) yield line.trim();
    if (afterEnd.length > 0) return;
  }
  if (rest.trim()) yield rest.trim();
}

/** Applies the editing keys in a line that came key by key: backspace, and Ctrl-U, which clears it. */
export function editLine(keys: string): string {
  const line: string[] = [];
  for (const key of keys) {
    if (key === "\x7f" || key === "\b") line.pop();
    else if (key === "\x15") line.length = 0;
    else line.push(key);
  }
  return line.join("").trim();
}

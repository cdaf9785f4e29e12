/**
 * What is typed into `wss connect`: commands, one a line.
 */
import * as z from "zod";
import { parseJsonExactly } from "../util/exact_json.ts";

const EXAMPLE =
  '{"command": "getMyNotificationsCount", "options": {"where": {"types": []}, "status": "unseen"}}';

const commandSchema = z.object({
  command: z.string().min(1),
  options: z.record(z.string(), z.unknown()).default({}),
});

/** A command for the service, as it was typed. */
export type TypedCommand = z.output<typeof commandSchema>;

/** Reads a command, or says what is wrong with the line; not the line itself, which may be a token. */
export function parseCommand(line: string): TypedCommand | { problem: string } {
  const refuse = (reason: string) => ({
    problem: `Cannot take a line of ${line.length} characters as a command: ${reason}, ` +
      `expected JSON such as ${EXAMPLE}`,
  });
  let value: unknown;
  try {
    value = parseJsonExactly(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refuse("it is not JSON");
  }
  const { success, data, error } = commandSchema.safeParse(value);
  if (success) return data;
  const isOfOptions = error.issues.every(({ path }) => path[0] === "options");
  return refuse(isOfOptions ? "its options are not an object" : "it has no command");
}

/** Ctrl-D, which a terminal that does not wait for whole lines passes on. */
const END = "\x04";

/** Lines as they are asked for, without space at their ends and without empty ones. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  // Not a stream of text, which reads ahead: a read that has begun before a terminal is set to wait
  // for whole lines again takes no Ctrl-D for the end.
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

/** A line as it is meant that came key by key: after backspaces, and Ctrl-U, which begins it again. */
export function editLine(keys: string): string {
  const line: string[] = [];
  for (const key of keys) {
    if (key === "\x7f" || key === "\b") line.pop();
    else if (key === "\x15") line.length = 0;
    else line.push(key);
  }
  return line.join("").trim();
}

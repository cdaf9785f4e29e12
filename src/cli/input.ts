/**
 * What is typed into `wss connect`: commands, one a line.
 */
import * as z from "zod";
import { parseJsonExactly } from "../json.ts";

const EXAMPLE =
  '{"command": "getMyNotificationsCount", "options": {"where": {"types": []}, "status": "unseen"}}';

/** Characters of a wrong line that are shown. */
const SHOWN = 60;

const commandSchema = z.object({
  command: z.string().min(1),
  options: z.record(z.string(), z.unknown()).default({}),
});

/** A command for the service, as it was typed. */
export type TypedCommand = z.output<typeof commandSchema>;

/** Reads a command, or says what is wrong with the line. */
export function parseCommand(line: string): TypedCommand | { problem: string } {
  try {
    const result = commandSchema.safeParse(parseJsonExactly(line));
    if (result.success) return result.data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const shown = line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
  return { problem: `Cannot take ${shown} as a command: expected JSON such as ${EXAMPLE}` };
}

/** Lines as they are asked for, without space at their ends and without empty ones. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split(/[\r\n]/);
    rest = parts.pop() ?? "";
    for (const line of parts) if (line.trim()) yield line.trim();
  }
  if (rest.trim()) yield rest.trim();
}

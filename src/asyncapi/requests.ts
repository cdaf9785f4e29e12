/**
 * Requests, one message for each command.
 */
import * as z from "zod";
import type { Command } from "../commands/define.ts";
import { requestSchema } from "../connection/parse_request.ts";
import type { MessageInfo } from "./message.ts";

/** The request of a command. */
export function requestOf({ name, options, summary, examples }: Command): MessageInfo {
  return {
    summary,
    payload: requestSchema.extend({ command: z.literal(name), options }),
    examples: examples.map((options, index) => ({ rid: index + 1, command: name, options })),
  };
}

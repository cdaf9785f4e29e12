/**
 * One kind of message, as the document describes it.
 */
import type * as z from "zod";
import { toJsonSchema } from "../util/json_schema.ts";

/** What the document says of a message. */
export interface MessageInfo {
  readonly summary: string;
  readonly payload: z.ZodType;
  readonly examples: readonly unknown[];
}

/** Makes the Message Object of a message. */
export function toMessage(name: string, { summary, payload, examples }: MessageInfo) {
  return {
    name,
    summary,
    payload: toJsonSchema(payload),
    examples: examples.map((example) => ({ payload: example })),
  };
}

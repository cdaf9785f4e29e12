/**
 * One kind of message, as the document tells of it.
 */
import type * as z from "zod";
import { toJsonSchema } from "../util/json_schema.ts";

/** What is told of a message. */
export interface MessageInfo {
  readonly summary: string;
  readonly payload: z.ZodType;
  readonly examples: readonly unknown[];
}

/** The Message Object of a message. */
export function toMessage(name: string, { summary, payload, examples }: MessageInfo) {
  return {
    name,
    summary,
    payload: toJsonSchema(payload),
    examples: examples.map((example) => ({ payload: example })),
  };
}

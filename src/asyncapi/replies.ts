/**
 * Replies (REQ6). Nothing is checked with these schemas while the service runs; tests hold real
 * replies against them.
 */
import * as z from "zod";
import { NO_RID, type ReplyStatus } from "../protocol/frames.ts";
import { ERRORS, type Slug } from "../protocol/errors.ts";
import { ridSchema } from "../connection/parse_request.ts";
import type { MessageInfo } from "./message.ts";

/** The `event` of what belongs to a subscription. */
export const subscriptionIdSchema = z.string().regex(/^[0-9a-f]{32}$/)
  .describe("The subscription's id (ID1)");

/** The `cursor` of what belongs to a subscription. */
export const cursorSchema = z.string().min(1)
  .describe("The place in the log up to which the subscription has been served (DEL3)");

/** A backend's JSON, whatever that is. */
export const bodySchema = z.unknown().describe("What the backend answered (BCK1)");

const rid = ridSchema.describe("The request's");

function status<S extends ReplyStatus>(...statuses: readonly [S, ...S[]]) {
  return z.literal(statuses);
}

/** The reply `ok` of a command that subscribes to nothing. */
export function okSchema(event: string, payload: z.ZodType) {
  return z.object({ rid, event: z.literal(event), status: status("ok"), payload });
}

/** The reply `ok` of a command that subscribes, with its list. */
export const listSchema = z.object({
  rid,
  event: subscriptionIdSchema,
  status: status("ok"),
  payload: bodySchema,
  recovered: z.literal(false).optional().describe("Where the request had a `since` (DEL6)"),
  cursor: cursorSchema,
});

const problem = z.object({
  Slug: z.enum(Object.keys(ERRORS) as Slug[]),
  Message: z.string(),
  Temporary: z.boolean().describe(
    `Whether the same request may succeed later (ERR2): so with ${
      Object.entries(ERRORS).filter(([, { temporary }]) => temporary).map(([slug]) => slug)
        .join(", ")
    }`,
  ),
  Path: z.string().optional().describe("Where in the request"),
  RetryAfterMs: z.int().positive().optional(),
});

/** Replies that several commands have. */
export const SHARED_REPLIES = {
  resumed: {
    summary: "The subscription goes on from `since`; what was missed follows (DEL5)",
    payload: z.object({
      rid,
      event: subscriptionIdSchema,
      status: status("ok"),
      payload: z.null(),
      recovered: z.literal(true),
      cursor: cursorSchema,
    }),
    examples: [{
      rid: 2,
      event: "c3b9e00c33a9b4cda35df404d710d2c4",
      status: "ok",
      payload: null,
      recovered: true,
      cursor: "AdndBmRvlkdKAaIIIeb3AAAAAAAA",
    }],
  },
  refused: {
    summary: "The backend refused it (BCK1), or a guest may not ask (LIST3)",
    payload: z.object({
      rid,
      event: z.string().describe("The command's name"),
      status: status("unauthorized", "forbidden", "error"),
      payload: bodySchema,
    }),
    examples: [
      { rid: 2, event: "getMyNotifications", status: "unauthorized", payload: null },
      { rid: 6, event: "getTournament", status: "error", payload: { message: "Not found" } },
    ],
  },
  error: {
    summary: "An error of wss's own (ERR1)",
    payload: z.object({
      rid: z.union([ridSchema, z.literal(NO_RID)])
        .describe("The request's, or -1 where it can't be read (REQ2)"),
      event: z.string().describe("The command's name, or \"\" where it can't be read"),
      status: status("error"),
      payload: z.object({ message: z.string(), error: z.array(problem).min(1) }),
    }),
    examples: [{
      rid: 8,
      event: "getMyNotifications",
      status: "error",
      payload: {
        message: 'Cannot take "message" as options.where.types: expected array',
        error: [{
          Slug: "invalid-options",
          Message: 'Cannot take "message" as options.where.types: expected array',
          Temporary: false,
          Path: "options.where.types",
        }],
      },
    }],
  },
} satisfies Record<string, MessageInfo>;

/**
 * Replies (REQ6). The running service does not check replies with these schemas; tests compare them
 * with real replies.
 */
import * as z from "zod";
import { NO_RID, type ReplyStatus } from "../protocol/frames.ts";
import { ERRORS, type Slug } from "../protocol/errors.ts";
import { ridSchema } from "../protocol/validation.ts";
import { backendBodySchema, type Command } from "../commands/define.ts";
import type { MessageInfo } from "./message.ts";

/** The `event` of a frame that belongs to a subscription. */
export const subscriptionIdSchema = z.string().regex(/^[0-9a-f]{32}$/)
  .describe("The subscription's id (ID1)");

/** The `cursor` of a frame that belongs to a subscription. */
export const cursorSchema = z.string().min(1)
  .describe("The place in the log up to which the subscription has been served (DEL3)");

const rid = ridSchema.describe("The request's rid");

function status<S extends ReplyStatus>(...statuses: readonly [S, ...S[]]) {
  return z.literal(statuses);
}

/** The reply `ok` of a command. */
function okReplyOf(
  { name, subscribes, subscribesIfAsked, reply: { summary, payload, examples } }: Command,
) {
  const event = subscribesIfAsked
    ? z.union([z.literal(name), subscriptionIdSchema])
    : z.literal(name);
  const ok = z.object({ rid, event, status: status("ok"), payload });
  const list = ok.extend({
    event: subscriptionIdSchema,
    recovered: z.literal(false).optional().describe("Present if the request has `since` (DEL6)"),
    cursor: cursorSchema,
  });
  return {
    summary,
    payload: subscribes ? list : ok,
    examples: examples.map((example) => ({ rid: 1, event: name, status: "ok", ...example })),
  };
}

/** The name of the message that is a command's reply `ok`. */
export function okReplyName({ name }: Command): string {
  return `${name}.ok`;
}

/** All messages that answer a request for one of these commands, by name. */
export function repliesOf(commands: readonly Command[]): Readonly<Record<string, MessageInfo>> {
  return {
    ...Object.fromEntries(commands.map((command) => [okReplyName(command), okReplyOf(command)])),
    ...SHARED_REPLIES,
  };
}

const problem = z.object({
  Slug: z.enum(Object.keys(ERRORS) as Slug[]).describe(
    Object.entries(ERRORS).map(([slug, { meaning }]) => `- ${slug}: ${meaning}`).join("\n"),
  ),
  Message: z.string(),
  Temporary: z.boolean().describe(
    `Whether the same request may succeed later (ERR2). It may with ${
      Object.entries(ERRORS).filter(([, { temporary }]) => temporary).map(([slug]) => slug)
        .join(", ")
    }`,
  ),
  Path: z.string().optional().describe("The place in the request"),
  RetryAfterMs: z.int().positive().optional(),
});

/** Replies that are the same for several commands. */
const SHARED_REPLIES = {
  resumed: {
    summary: "The subscription goes on from `since`; missed pushes follow (DEL5)",
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
      cursor: "AtndBmRaeoHMAaIIIeb3AAAAAAAA____",
    }],
  },
  refused: {
    summary: "The backend refused the request (BCK1), or the command needs a login (LIST3)",
    payload: z.object({
      rid,
      event: z.string().describe("The command's name"),
      status: status("unauthorized", "forbidden", "error"),
      payload: backendBodySchema,
    }),
    examples: [
      { rid: 2, event: "getMyNotifications", status: "unauthorized", payload: null },
      { rid: 6, event: "getTournament", status: "error", payload: { message: "Not found" } },
    ],
  },
  error: {
    summary: "An error of wss itself (ERR1)",
    payload: z.object({
      rid: z.union([ridSchema, z.literal(NO_RID)])
        .describe("The request's rid, or -1 if it cannot be read (REQ2)"),
      event: z.string().describe('The command\'s name, or "" if it cannot be read'),
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

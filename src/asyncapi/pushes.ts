/**
 * Pushes, by their status (REQ7). The running service does not check pushes with these schemas; tests
 * compare them with real pushes.
 */
import * as z from "zod";
import { NO_RID, type PushStatus } from "../protocol/frames.ts";
import type { MessageInfo } from "./message.ts";
import { backendBodySchema } from "../commands/define.ts";
import { cursorSchema, subscriptionIdSchema } from "./replies.ts";

const rid = z.literal(NO_RID);
const recordIdSchema = z.string().regex(/^\d+-\d+$/)
  .describe("The record's id, `<partition>-<offset>`, the same for every client (DEL4)");
const placeSchema = cursorSchema
  .describe("The place in the log up to which all subscriptions have been served (DEL8)");

const EVENT = "c3b9e00c33a9b4cda35df404d710d2c4";
const COUNT_EVENT = "eb73653db40d220aead5484555e31f5e";
const CURSOR = "AtndBmRaeoHMAaIIIecAAAAAAAABAAAD";

/** Frames that wss sends without a request. */
export const PUSHES = {
  update: {
    summary:
      "A notification, or other data, for a subscription (KAF2, KAF4), or another total of a " +
      "count (COUNT2)",
    payload: z.object({
      rid,
      event: subscriptionIdSchema,
      status: z.literal("update"),
      payload: z.unknown()
        .describe('The `data` of the Kafka message; `{"total": n}` for a count'),
      id: recordIdSchema.optional().describe("Absent for a count"),
      cursor: cursorSchema.optional().describe("Absent for a count"),
    }),
    examples: [{
      rid: -1,
      event: EVENT,
      status: "update",
      payload: { text: "Hello" },
      id: "0-0",
      cursor: CURSOR,
    }, {
      rid: -1,
      event: COUNT_EVENT,
      status: "update",
      payload: { total: 3 },
    }],
  },
  reload: {
    summary: "A subscription's list, fetched again (KAF3)",
    payload: z.object({
      rid,
      event: subscriptionIdSchema,
      status: z.literal("reload"),
      payload: backendBodySchema,
      id: recordIdSchema.optional(),
      cursor: cursorSchema,
    }),
    examples: [{
      rid: -1,
      event: EVENT,
      status: "reload",
      payload: [{ id: "1" }],
      id: "0-1",
      cursor: CURSOR,
    }],
  },
  resync: {
    summary: "Pushes are missing, ask for the list (DEL11, DEL12); only with `wss.v1`",
    payload: z.object({
      rid,
      event: subscriptionIdSchema,
      status: z.literal("resync"),
      payload: z.object({ missed: z.null() }),
      cursor: cursorSchema,
    }),
    examples: [{
      rid: -1,
      event: EVENT,
      status: "resync",
      payload: { missed: null },
      cursor: CURSOR,
    }],
  },
  unauthorized: {
    summary: "The session is a guest's from now on (AUTH6, KAF5); only with `wss.v1`",
    payload: z.object({
      rid,
      event: z.literal("authentication"),
      status: z.literal("unauthorized"),
      payload: z.null(),
    }),
    examples: [{ rid: -1, event: "authentication", status: "unauthorized", payload: null }],
  },
  degraded: {
    summary: "New pushes may be late (DEL10); only with `wss.v1`",
    payload: z.object({
      rid,
      event: z.literal("stream"),
      status: z.literal("degraded"),
      payload: z.object({ sinceMs: z.number().nonnegative() }),
    }),
    examples: [{ rid: -1, event: "stream", status: "degraded", payload: { sinceMs: 15_000 } }],
  },
  live: {
    summary:
      "New pushes come at once, and all up to the cursor have come (DEL8); only with `wss.v1`",
    payload: z.object({
      rid,
      event: z.literal("stream"),
      status: z.literal("live"),
      payload: z.object({
        maxMessageBytes: z.number().positive().describe("The largest frame of a client (FRM2)"),
      }),
      cursor: placeSchema,
    }),
    examples: [{
      rid: -1,
      event: "stream",
      status: "live",
      payload: { maxMessageBytes: 1_048_576 },
      cursor: CURSOR,
    }],
  },
  reconnect: {
    summary: "The instance shuts down and will close with 1012 (LIFE4); only with `wss.v1`",
    payload: z.object({
      rid,
      event: z.literal("server"),
      status: z.literal("reconnect"),
      payload: z.object({ afterMs: z.number().nonnegative() }),
      cursor: placeSchema.optional(),
    }),
    examples: [{
      rid: -1,
      event: "server",
      status: "reconnect",
      payload: { afterMs: 2500 },
      cursor: CURSOR,
    }],
  },
} satisfies Record<PushStatus, MessageInfo>;

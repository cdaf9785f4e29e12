/**
 * Commands: their requests, and what they answer where all is well.
 */
import * as z from "zod";
import { authentication } from "../commands/authentication.ts";
import type { Command } from "../commands/define.ts";
import { getMyNotifications } from "../commands/get_my_notifications.ts";
import { getMyNotificationsCount } from "../commands/get_my_notifications_count.ts";
import { getSchedules } from "../commands/get_schedules.ts";
import { getTournament } from "../commands/get_tournament.ts";
import { subscription } from "../commands/subscription.ts";
import { updateNotifications } from "../commands/update_notifications.ts";
import { requestSchema } from "../connection/parse_request.ts";
import { idSchema } from "../protocol/validation.ts";
import type { MessageInfo } from "./message.ts";
import { bodySchema, listSchema, okSchema } from "./replies.ts";

/** What is told of a command. */
export interface CommandInfo {
  readonly command: Command;
  readonly summary: string;
  /** Options that it takes. */
  readonly examples: readonly unknown[];
  /** The reply `ok`. */
  readonly reply: MessageInfo;
  /** Whether it may be answered with the resuming of a subscription. */
  readonly resumes?: true;
}

/** The request of a command. */
export function requestOf({ command, summary, examples }: CommandInfo): MessageInfo {
  const { name, options } = command;
  return {
    summary,
    payload: requestSchema.extend({ command: z.literal(name), options }),
    examples: examples.map((options, index) => ({ rid: index + 1, command: name, options })),
  };
}

/** Every command. */
export const COMMANDS: readonly CommandInfo[] = [
  {
    command: authentication,
    summary: "Logs in, renews a token, or with neither becomes a guest (AUTH1 to AUTH5)",
    examples: [
      { authToken: "alice-token" },
      { authToken: "alice-newer-token", update: true },
      {},
    ],
    reply: {
      summary: "The user API's answer, or null for a guest",
      payload: okSchema("authentication", z.looseObject({ id: idSchema }).nullable()),
      examples: [
        { rid: 1, event: "authentication", status: "ok", payload: { id: "42", name: "Alice" } },
        { rid: 3, event: "authentication", status: "ok", payload: null },
      ],
    },
  },
  {
    command: subscription,
    summary: "Ends subscriptions (SUB1)",
    examples: [{ ids: ["c3b9e00c33a9b4cda35df404d710d2c4"], action: "unsubscribe" }],
    reply: {
      summary: "Nothing of them is pushed any more",
      payload: okSchema("subscription", z.null()),
      examples: [{ rid: 1, event: "subscription", status: "ok", payload: null }],
    },
  },
  {
    command: getMyNotifications,
    summary: "Lists the user's notifications, and subscribes to new ones (LIST1 to LIST3)",
    examples: [
      { params: { limit: 10, skip: 20, sort: "-createdAt" }, where: { types: ["message"] } },
      { where: { types: [] }, since: "AdndBmRvlkdKAaIIIeb3AAAAAAAA" },
    ],
    reply: {
      summary: "The notification API's answer",
      payload: listSchema,
      examples: [{
        rid: 1,
        event: "c3b9e00c33a9b4cda35df404d710d2c4",
        status: "ok",
        payload: { total: 1, items: [{ id: "1", type: "message", status: "unseen" }] },
        cursor: "AdndBmRvlkdKAaIIIeb3AAAAAAAA",
      }],
    },
    resumes: true,
  },
  {
    command: getMyNotificationsCount,
    summary: "Counts the user's notifications of a status (COUNT1)",
    examples: [{ where: { types: [] }, status: "unseen" }],
    reply: {
      summary: "How many there are",
      payload: okSchema("getMyNotificationsCount", z.object({ total: z.int() })),
      examples: [{ rid: 1, event: "getMyNotificationsCount", status: "ok", payload: { total: 2 } }],
    },
  },
  {
    command: updateNotifications,
    summary: "Sets the status of the user's notifications (UPD1)",
    examples: [{ where: { notifications: ["1", "2"] }, status: "read" }],
    reply: {
      summary: "It is set",
      payload: okSchema("updateNotifications", z.null()),
      examples: [{ rid: 1, event: "updateNotifications", status: "ok", payload: null }],
    },
  },
  {
    command: getSchedules,
    summary: "Lists a part of the schedule, and subscribes to it; guests may (SCHED1)",
    examples: [{
      where: {
        from: 1795392000,
        to: 1795478400,
        timezone: "Europe/Berlin",
        gameIds: [7],
        test: false,
        substage: { tiers: ["a"] },
        tournament: { ids: ["spring-cup"] },
      },
    }],
    reply: {
      summary: "The schedule API's answer",
      payload: listSchema,
      examples: [{
        rid: 1,
        event: "f3d626ad22d8ba5b7d7c54a7ba5b1ae8",
        status: "ok",
        payload: { items: [{ id: "1", name: "Reds - Blues", gameId: "7" }] },
        recovered: false,
        cursor: "AdndBmRvlkdKAaIIIecGAAAAAAAB",
      }],
    },
    resumes: true,
  },
  {
    command: getTournament,
    summary: "One tournament; guests may (TOUR1)",
    examples: [{ where: { id: "spring-cup" } }],
    reply: {
      summary: "The tournament API's answer",
      payload: okSchema("getTournament", bodySchema),
      examples: [{
        rid: 1,
        event: "getTournament",
        status: "ok",
        payload: { id: "spring-cup", name: "Spring Cup" },
      }],
    },
  },
];

import * as z from "zod";
import { unauthorized } from "../protocol/frames.ts";
import { notificationTarget } from "../protocol/target.ts";
import { optional } from "../protocol/validation.ts";
import { backendBodySchema, defineCommand } from "./define.ts";
import { listAndSubscribe } from "./list_and_subscribe.ts";
import { notificationWhereSchema, sinceSchema } from "./options.ts";

/** Lists the user's notifications and subscribes to new ones (LIST1 to LIST3). */
export const getMyNotifications = defineCommand({
  name: "getMyNotifications",
  subscribes: true,
  options: z.object({
    params: optional(z.object({
      limit: optional(z.int()),
      skip: optional(z.int()),
      sort: optional(z.string()),
    })).describe('Sent to the notification API, except 0 and "" (LIST1)'),
    where: notificationWhereSchema,
    since: sinceSchema,
  }),
  summary: "Lists the user's notifications and subscribes to new ones (LIST1 to LIST3)",
  examples: [
    { params: { limit: 10, skip: 20, sort: "-createdAt" }, where: { types: ["message"] } },
    { where: { types: [] }, since: "AtndBmRaeoHMAaIIIeb3AAAAAAAA____" },
  ],
  reply: {
    summary: "The notification API's answer",
    payload: backendBodySchema,
    examples: [{
      event: "c3b9e00c33a9b4cda35df404d710d2c4",
      payload: { total: 1, items: [{ id: "1", type: "message", status: "unseen" }] },
      cursor: "AtndBmRaeoHMAaIIIeb3AAAAAAAA____",
    }],
  },
  async run({ params = {}, where: { types }, since }, context) {
    const { user } = context.session;
    if (user === null) return unauthorized();
    const target = notificationTarget({ userId: user, types });
    return await listAndSubscribe(context, { target, params, since });
  },
});

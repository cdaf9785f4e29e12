import * as z from "zod";
import { unauthorized } from "../protocol/frames.ts";
import { notificationTarget } from "../protocol/target.ts";
import { optional } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";
import { listAndSubscribe, sinceSchema } from "./list_and_subscribe.ts";
import { notificationWhereSchema } from "./options.ts";

/** Lists the user's notifications and subscribes to what arrives from then on (LIST1 to LIST3). */
export const getMyNotifications = defineCommand({
  name: "getMyNotifications",
  options: z.object({
    params: optional(z.object({
      limit: optional(z.int().nonnegative()),
      skip: optional(z.int().nonnegative()),
      sort: optional(z.string()),
    })).describe('Go to the notification API, but for 0 and "" (LIST1)'),
    where: notificationWhereSchema,
    since: sinceSchema,
  }),
  async run({ params: { limit, skip, sort } = {}, where: { types }, since }, context) {
    const { session } = context;
    if (session.user === null) return unauthorized();

    const query = (params: Record<string, string | number | undefined>) => [
      ...Object.entries(params)
        .filter(([, value]) => value)
        .map(([name, value]) => [name, String(value)] as const),
      ...types.map((type) => ["type", type] as const),
    ];
    return await listAndSubscribe(context, {
      target: notificationTarget({ userId: session.user, types }),
      list: { api: "notification", query: query({ limit, skip, sort }) },
      reload: { api: "notification", query: query({ limit, sort }) },
      since,
    });
  },
});

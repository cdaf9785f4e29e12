import * as z from "zod";
import { ok, toJson, unauthorized } from "../protocol/frames.ts";
import { listOfStrings } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";
import { notificationStatusSchema } from "./options.ts";

/** Sets the status of the user's notifications (UPD1). */
export const updateNotifications = defineCommand({
  name: "updateNotifications",
  barrier: true,
  options: z.object({
    where: z.object({
      notifications: listOfStrings()
        .describe("The notifications' ids; an empty list means all of them"),
    }),
    status: notificationStatusSchema,
  }),
  summary: "Sets the status of the user's notifications (UPD1)",
  examples: [{ where: { notifications: ["1", "2"] }, status: "read" }],
  reply: {
    summary: "The status is set",
    payload: z.null(),
    examples: [{ payload: null }],
  },
  async run({ where: { notifications: ids }, status }, { session, backend, signal }) {
    const { user } = session;
    if (user === null) return unauthorized();

    const body = toJson({ ids: ids.length > 0 ? ids : undefined, status });
    try {
      const answer = await backend.put("notification", body, session.caller(signal));
      return answer.status === "ok" ? ok() : { status: answer.status, payload: answer.payload };
    } finally {
      // Also after a failure: the API may have done it (COUNT2).
      session.marked(user);
    }
  },
});

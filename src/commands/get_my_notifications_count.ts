import * as z from "zod";
import { ok, toJson, unauthorized } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import { keyNamer } from "../protocol/key_case.ts";
import { optional } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";
import { notificationStatusSchema, notificationWhereSchema } from "./options.ts";

const countSchema = z.object({ total: optional(z.int()) });
const nameKeys = keyNamer(countSchema);

/** Counts the user's notifications with one status (COUNT1). */
export const getMyNotificationsCount = defineCommand({
  name: "getMyNotificationsCount",
  options: z.object({ where: notificationWhereSchema, status: notificationStatusSchema }),
  summary: "Counts the user's notifications with one status (COUNT1)",
  examples: [{ where: { types: [] }, status: "unseen" }],
  reply: {
    summary: "The number of notifications",
    payload: z.object({ total: z.int() }),
    examples: [{ payload: { total: 2 } }],
  },
  async run({ where: { types }, status }, { session, backend, signal }) {
    if (session.user === null) return unauthorized();

    const query = [...types.map((type) => ["type", type] as const), ["status", status] as const];
    const answer = await backend.get(
      { api: "notification", query },
      session.caller(signal),
    );
    if (answer.status !== "ok") return { status: answer.status, payload: answer.payload };

    const count = countSchema.safeParse(nameKeys(answer.value));
    if (!count.success) {
      throw new CommandError({
        slug: "backend-invalid",
        message: "Cannot count: the notification API's answer has no usable total",
      });
    }
    return ok(toJson({ total: count.data.total ?? 0 }));
  },
});

import * as z from "zod";
import { ok, toJson, unauthorized } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import { optional } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";
import { notificationStatusSchema, notificationWhereSchema } from "./options.ts";

/** Gives the total of a body, in whatever case, as the decoder of the Go service finds it. */
const totalSchema = z.record(z.string(), z.unknown()).transform(findTotal).pipe(optional(z.int()));

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

    const total = totalSchema.safeParse(answer.value);
    if (!total.success) {
      throw new CommandError({
        slug: "backend-invalid",
        message: "Cannot count: the notification API's answer has no usable total",
      });
    }
    return ok(toJson({ total: total.data ?? 0 }));
  },
});

/** The exact name comes first; of several others, the last one counts. */
function findTotal(body: Record<string, unknown>): unknown {
  if (Object.hasOwn(body, "total")) return body.total;
  const name = Object.keys(body).findLast((key) => key.toLowerCase() === "total");
  return name === undefined ? undefined : body[name];
}

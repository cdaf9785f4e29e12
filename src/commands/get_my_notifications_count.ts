import * as z from "zod";
import { ok, type Reply, toJson, unauthorized } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import { keyNamer } from "../protocol/key_case.ts";
import { optional } from "../protocol/validation.ts";
import { type CommandContext, defineCommand } from "./define.ts";
import { notificationStatusSchema, notificationWhereSchema } from "./options.ts";

const optionsSchema = z.object({
  where: notificationWhereSchema,
  status: notificationStatusSchema,
});
/** What the notification API must answer to a count (COUNT1). */
export const countSchema = z.object({ total: optional(z.int()) });
const nameKeys = keyNamer(countSchema);

/** Counts the user's notifications with one status (COUNT1). */
export const getMyNotificationsCount = defineCommand({
  name: "getMyNotificationsCount",
  options: optionsSchema,
  summary: "Counts the user's notifications with one status (COUNT1)",
  examples: [{ where: { types: [] }, status: "unseen" }],
  reply: {
    summary: "The number of notifications",
    payload: z.object({ total: z.int() }),
    examples: [{ payload: { total: 2 } }],
  },
  async run(options, context) {
    const { session } = context;
    const { user } = session;
    if (user === null) return unauthorized();
    const reply = await count(options, context).catch((error) => {
      if (session.user === user) throw error;
      return unauthorized();
    });
    // Whatever was answered is for a user who is gone (AUTH6).
    return session.user === user ? reply : unauthorized();
  },
});

async function count(
  { where: { types }, status }: z.output<typeof optionsSchema>,
  { session, backend, signal }: CommandContext,
): Promise<Reply> {
  const query = [...types.map((type) => ["type", type] as const), ["status", status] as const];
  const answer = await backend.get({ api: "notification", query }, session.caller(signal));
  if (answer.status !== "ok") return { status: answer.status, payload: answer.payload };

  const counted = countSchema.safeParse(nameKeys(answer.value));
  if (!counted.success) {
    throw new CommandError({
      slug: "backend-invalid",
      message: "Cannot count: the notification API's answer has no usable total",
    });
  }
  return ok(toJson({ total: counted.data.total ?? 0 }));
}

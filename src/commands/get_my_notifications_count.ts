import * as z from "zod";
import { countOf, countRequest, keptList } from "../backend/lists.ts";
import { ok, type Reply, unauthorized } from "../protocol/frames.ts";
import { type CountTarget, countTarget } from "../protocol/target.ts";
import { optional } from "../protocol/validation.ts";
import type { CountSubscription } from "../sessions/counts/count_subscription.ts";
import { type CommandContext, defineCommand } from "./define.ts";
import { refuseTooMany, withLock } from "./list_and_subscribe.ts";
import { notificationStatusSchema, notificationWhereSchema } from "./options.ts";

/** Counts the user's notifications with one status (COUNT1), and subscribes to that count (COUNT2). */
export const getMyNotificationsCount = defineCommand({
  name: "getMyNotificationsCount",
  subscribesIfAsked: true,
  options: z.object({
    where: notificationWhereSchema,
    status: notificationStatusSchema,
    subscribe: optional(z.boolean())
      .describe("Whether to subscribe: then each other number is pushed as `update` (COUNT2)"),
  }),
  summary: "Counts the user's notifications with one status (COUNT1), and may subscribe (COUNT2)",
  examples: [
    { where: { types: [] }, status: "unseen" },
    { where: { types: ["message"] }, status: "unseen", subscribe: true },
  ],
  reply: {
    summary: "The number of notifications",
    payload: z.object({ total: z.int() }),
    examples: [
      { payload: { total: 2 } },
      { rid: 2, event: "eb73653db40d220aead5484555e31f5e", payload: { total: 1 } },
    ],
  },
  async run({ where: { types }, status, subscribe }, context) {
    const { session } = context;
    const { user } = session;
    if (user === null) return unauthorized();
    if (subscribe) {
      return await countAndSubscribe(context, countTarget({ userId: user, types, status }));
    }
    try {
      const reply = await count(context, { types, status });
      // Whatever was answered is for a user who is gone (AUTH6).
      return session.user === user ? reply : unauthorized();
    } catch (error) {
      if (session.user === user) throw error;
      return unauthorized();
    }
  },
});

/** @throws {CommandError} The backend's errors */
async function count(
  { session, backend, signal }: CommandContext,
  where: Parameters<typeof countRequest>[0],
): Promise<Reply> {
  const answer = await backend.get(countRequest(where), session.caller(signal));
  if (answer.status !== "ok") return { status: answer.status, payload: answer.payload };
  return ok(countOf(answer.value));
}

/**
 * Subscribes the session, and asks for the count then, so that nothing that changes it is missed.
 *
 * @throws {CommandError} The backend's errors, and `too-many-subscriptions`
 */
function countAndSubscribe(context: CommandContext, target: CountTarget): Promise<Reply> {
  const { session } = context;
  return withLock(context, target.id, async () => {
    if (!session.mayHave(target)) return unauthorized();
    const existing = session.count(target.id);
    const kept = keptList(target, {});
    refuseTooMany(context, { existing, kept });
    const subscription = existing ?? session.subscribeToCount(target, kept);
    subscription.hold();
    const undo = () => {
      if (existing) subscription.release({ hasFailed: true });
      else session.unsubscribe([target.id], "its list failed");
    };
    try {
      const reply = await count(context, target.where);
      if (!session.mayHave(target)) return unauthorized();
      if (reply.status !== "ok") {
        undo();
        return reply;
      }
      subscription.answered(reply.payload);
      return { ...reply, event: target.id, sent: () => sent(context, subscription) };
    } catch (error) {
      if (!session.mayHave(target)) return unauthorized();
      undo();
      throw error;
    }
  });
}

/** Called when the reply that subscribes has gone out: only from now on may pushes follow. */
function sent({ streamStatus, session }: CommandContext, subscription: CountSubscription): void {
  subscription.isAnswered = true;
  streamStatus.greet(session);
  subscription.release({ hasFailed: false });
}

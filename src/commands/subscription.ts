import * as z from "zod";
import { ok } from "../protocol/frames.ts";
import { listOf } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";

/**
 * Ends subscriptions of this session (SUB1).
 *
 * Ids that the session does not have are ignored, so a client may repeat it.
 */
export const subscription = defineCommand({
  name: "subscription",
  barrier: true,
  options: z.object({
    ids: listOf(z.string()).describe("Of subscriptions; others are ignored"),
    action: z.literal("unsubscribe"),
  }),
  run({ ids }, { session }) {
    session.unsubscribe(ids, "unsubscribed");
    return ok();
  },
});

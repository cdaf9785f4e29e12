import * as z from "zod";
import { ok } from "../protocol/frames.ts";
import { listOfStrings } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";

/**
 * Ends subscriptions of this session (SUB1).
 *
 * Ids that the session does not have are ignored, so a client may repeat it.
 */
export const subscription = defineCommand({
  name: "subscription",
  barrier: true,
  changesSession: true,
  options: z.object({
    ids: listOfStrings().describe("The subscriptions' ids; unknown ids are ignored"),
    action: z.literal("unsubscribe"),
  }),
  summary: "Ends subscriptions (SUB1)",
  examples: [{ ids: ["c3b9e00c33a9b4cda35df404d710d2c4"], action: "unsubscribe" }],
  reply: {
    summary: "The subscriptions have ended; nothing more is pushed for them",
    payload: z.null(),
    examples: [{ payload: null }],
  },
  run({ ids }, { session }) {
    session.unsubscribe(ids, "unsubscribed");
    return ok();
  },
});

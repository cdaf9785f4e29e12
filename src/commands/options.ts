/**
 * What several commands have in their options.
 */
import * as z from "zod";
import { listOf } from "../protocol/validation.ts";

/** Which notifications: of these types, or of every type where there are none. */
export const notificationWhereSchema = z.object({
  types: listOf(z.string()).describe("All where there is none (LIST2)"),
});

/** How far a user has got with a notification. */
export const notificationStatusSchema = z.enum(["unseen", "unread", "read"])
  .describe("How far the user has got with them");

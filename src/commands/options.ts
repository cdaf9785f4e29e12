/**
 * Options that several commands have.
 */
import * as z from "zod";
import { NOTIFICATION_STATUSES } from "../protocol/target.ts";
import { selectionOf } from "../protocol/validation.ts";

/** Which notifications: those of these types, or of every type if the list is empty. */
export const notificationWhereSchema = z.object({
  types: selectionOf(z.string()).describe(
    "Notification types; an empty list means all types (LIST2)",
  ),
});

/** How far a user has got with a notification. */
export const notificationStatusSchema = z.enum(NOTIFICATION_STATUSES)
  .describe("How far the user has got with the notifications");

/** A cursor to resume from. Every value is accepted: if it is unreadable, the reply has the list. */
export const sinceSchema = z.unknown().optional().transform((since) => since ?? undefined)
  .describe(
    "A cursor to resume from (DEL5). If that is not possible, the reply has the list (DEL6)",
  );

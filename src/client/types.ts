/**
 * What the service's commands take, as its schemas have it; a test compares the two.
 */

/** How far a user has got with a notification (COUNT1). */
export type NotificationStatus = "unseen" | "unread" | "read";

/** What part of the schedule (SCHED1). Times in seconds since 1970. */
export interface ScheduleWhere {
  readonly from: number;
  readonly to: number;
  /** Such as `Europe/Berlin`. */
  readonly timezone: string;
  readonly gameIds?: readonly (string | number)[];
  readonly test?: boolean;
  readonly substage?: { readonly tiers?: readonly (string | number)[] };
  readonly tournament?: { readonly ids?: readonly (string | number)[] };
}

/**
 * The options of the service's commands. A test compares them with the service's schemas.
 */

/** The status of a notification for its user (COUNT1). */
export type NotificationStatus = "unseen" | "unread" | "read";

/** A part of the schedule (SCHED1). */
export interface ScheduleWhere {
  /** Its bounds, in seconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** A name such as `Europe/Berlin`. */
  readonly timezone: string;
  readonly gameIds?: readonly (string | number)[] | undefined;
  readonly test?: boolean | undefined;
  readonly substage?: { readonly tiers?: readonly (string | number)[] | undefined } | undefined;
  readonly tournament?: { readonly ids?: readonly (string | number)[] | undefined } | undefined;
}

/** The options of each command. */
export interface Commands {
  readonly getMyNotifications: {
    readonly params?: {
      readonly limit?: number | undefined;
      readonly skip?: number | undefined;
      readonly sort?: string | undefined;
    };
    readonly where: { readonly types: readonly string[] };
    readonly since?: string | undefined;
  };
  readonly getMyNotificationsCount: {
    readonly where: { readonly types: readonly string[] };
    readonly status: NotificationStatus;
    readonly subscribe?: boolean | undefined;
  };
  readonly updateNotifications: {
    readonly where: { readonly notifications: readonly string[] };
    readonly status: NotificationStatus;
  };
  readonly getSchedules: {
    readonly where: ScheduleWhere;
    readonly since?: string | undefined;
  };
  readonly getTournament: { readonly where: { readonly id: string | number } };
  readonly subscription: { readonly ids: readonly string[]; readonly action: "unsubscribe" };
}

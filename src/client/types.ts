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
  readonly gameIds?: readonly (string | number)[] | undefined;
  readonly test?: boolean | undefined;
  readonly substage?: { readonly tiers?: readonly (string | number)[] | undefined } | undefined;
  readonly tournament?: { readonly ids?: readonly (string | number)[] | undefined } | undefined;
}

/** What goes to the service, by command. */
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

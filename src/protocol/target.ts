/**
 * The target of a subscription, and the id that is computed from it (ID1). Producers compute the same id,
 * so it must equal the Go service's byte for byte.
 */
import { hash } from "node:crypto";

/** A user's notifications of these types; an empty list means all types (LIST2). */
export interface NotificationWhere {
  readonly userId: string;
  readonly types: readonly string[];
}

/** A part of the schedule (SCHED1). The keys have the order in which the id takes them. */
export interface ScheduleWhere {
  readonly from: number;
  readonly to: number;
  readonly timezone: string;
  readonly gameIds?: readonly (string | number)[] | undefined;
  readonly test?: boolean | undefined;
  readonly substage?: { readonly tiers?: readonly (string | number)[] | undefined } | undefined;
  readonly tournament?: { readonly ids?: readonly (string | number)[] | undefined } | undefined;
}

/** The number of a user's notifications of these types with this status (COUNT2). */
export interface CountWhere extends NotificationWhere {
  readonly status: NotificationStatus;
}

/** How far a user has got with a notification (COUNT1). */
export const NOTIFICATION_STATUSES = ["unseen", "unread", "read"] as const;

/** One of {@linkcode NOTIFICATION_STATUSES}. */
export type NotificationStatus = (typeof NOTIFICATION_STATUSES)[number];

/** The target of a subscription to a count. The `id` is computed from the other keys. */
export interface CountTarget {
  readonly id: string;
  readonly resource: "count";
  readonly where: CountWhere;
}

/** The target of a subscription to records. The `id` is computed from the other keys. */
export type Target =
  & { readonly id: string }
  & (
    | { readonly resource: "notification"; readonly where: NotificationWhere }
    | { readonly resource: "schedule"; readonly where: KeptScheduleWhere }
  );

/** Whether a target belongs to a user. A subscription to it ends when the session is no longer theirs (AUTH1). */
export function isOfUser(
  target: Target | CountTarget,
): target is Exclude<Target, { resource: "schedule" }> | CountTarget {
  return target.resource !== "schedule";
}

/** A {@linkcode ScheduleWhere} as text. As an object, it would take several times as much memory. */
export class KeptScheduleWhere {
  readonly text: string;

  constructor(where: ScheduleWhere) {
    this.text = JSON.stringify(where);
  }

  get value(): ScheduleWhere {
    return JSON.parse(this.text);
  }

  toJSON(): ScheduleWhere {
    return this.value;
  }
}

/** Makes the target for a user's notifications. */
export function notificationTarget({ userId, types }: NotificationWhere): Target {
  const where = { userId, types: types.map((type) => type.toWellFormed()) };
  return { id: subscriptionId("notification", where), resource: "notification", where };
}

/** Makes the target for the number of a user's notifications. */
export function countTarget({ userId, types, status }: CountWhere): CountTarget {
  const where = { userId, types: types.map((type) => type.toWellFormed()), status };
  return { id: subscriptionId("count", where), resource: "count", where };
}

/** Makes the target for a part of the schedule. */
export function scheduleTarget(given: ScheduleWhere): Target {
  const { from, to, timezone, gameIds, test, substage, tournament } = given;
  const where: ScheduleWhere = {
    from,
    to,
    timezone,
    gameIds: unlessEmpty(gameIds),
    test,
    substage: substage && { tiers: unlessEmpty(substage.tiers) },
    tournament: tournament && { ids: unlessEmpty(tournament.ids) },
  };
  const id = subscriptionId("schedule", where);
  return { id, resource: "schedule", where: new KeptScheduleWhere(where) };
}

function unlessEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list?.length ? list : undefined;
}

function subscriptionId(
  resource: string,
  where: NotificationWhere | CountWhere | ScheduleWhere,
): string {
  return hash("md5", goJson({ command: "", resource, hash: "", where }), "hex");
}

const GO_ESCAPES: Record<string, string> = {
  "\\b": "\\u0008",
  "\\f": "\\u000c",
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** Compact JSON as Go's encoding/json writes it: characters that are unsafe in HTML are escaped. */
function goJson(value: unknown): string {
  const wellFormed = (_key: string, value: unknown) =>
    typeof value === "string" ? value.toWellFormed() : value;
  const text = JSON.stringify(value);
  // Only a lone surrogate is written so. A function for each value is slow, and almost never needed.
  const isWellFormed = !text.includes("\\ud");
  // `\\.` matches a whole escape, so that the "b" after an escaped backslash is not taken for `\b`.
  return (isWellFormed ? text : JSON.stringify(value, wellFormed))
    .replace(/\\.|[<>&\u2028\u2029]/g, (found) => GO_ESCAPES[found] ?? found);
}

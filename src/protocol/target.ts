/**
 * The id of a subscription, which producers compute as well (ID1). It has to be what the Go service
 * computed, to the byte.
 */
import { createHash } from "node:crypto";

/** Who is subscribed to notifications: `types` empty means every type (LIST2). */
export interface NotificationWhere {
  readonly userId: string;
  readonly types: readonly string[];
}

/** What part of the schedule (SCHED1). Keys in the order in which they enter the id. */
export interface ScheduleWhere {
  readonly from: number;
  readonly to: number;
  readonly timezone: string;
  readonly gameIds?: readonly (string | number)[] | undefined;
  readonly test?: boolean | undefined;
  readonly substage?: { readonly tiers?: readonly (string | number)[] | undefined } | undefined;
  readonly tournament?: { readonly ids?: readonly (string | number)[] | undefined } | undefined;
}

/** What a subscription is to; its `id` follows from the rest. */
export type Target =
  & { readonly id: string }
  & (
    | { readonly resource: "notification"; readonly where: NotificationWhere }
    | { readonly resource: "schedule"; readonly where: ScheduleWhere }
  );

/** The notifications of one user. */
export function notificationTarget({ userId, types }: NotificationWhere): Target {
  const where = { userId, types: types.map((type) => type.toWellFormed()) };
  return { id: subscriptionId("notification", where), resource: "notification", where };
}

/** One view of the schedule. */
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
  return { id: subscriptionId("schedule", where), resource: "schedule", where };
}

function unlessEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list?.length ? list : undefined;
}

function subscriptionId(resource: string, where: NotificationWhere | ScheduleWhere): string {
  return createHash("md5")
    .update(goJson({ command: "", resource, hash: "", where }))
    .digest("hex");
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

/** Compact JSON as Go's encoding/json writes it, which escapes what is unsafe in HTML. */
function goJson(value: unknown): string {
  const wellFormed = (_key: string, value: unknown) =>
    typeof value === "string" ? value.toWellFormed() : value;
  // An escape is matched as a whole, so that the b of `\\b`, a backslash and a b, is left alone.
  return JSON.stringify(value, wellFormed)
    .replace(/\\.|[<>&\u2028\u2029]/g, (found) => GO_ESCAPES[found] ?? found);
}

/**
 * Which messages are for which subscriptions. The same keys lead from a record to the current
 * subscriptions (`sessions/channels.ts`), and from a subscription to the records of the window.
 */
import type { Target } from "../protocol/target.ts";

/** The subscriptions that a message is for. */
export type Addressees =
  /** No id occurs twice. */
  | { readonly by: "subscription"; readonly ids: readonly string[] }
  | { readonly by: "resource"; readonly resource: "schedule" }
  | { readonly by: "user"; readonly user: string; readonly type: string };

/** The type, as it is written in the log, of a Kafka message that has addressees. */
export type MessageType = "notification" | "update_subscription";

/** The type of a message with such addressees. */
export function messageTypeOf(to: Addressees): MessageType {
  return to.by === "user" ? "notification" : "update_subscription";
}

/** The kinds of keys. The same name means something else in each of them. */
export type By = Addressees["by"];

/** A key under which a subscription is found. */
export type Key<B extends By = By> = readonly [by: B, name: string];

/** One value for each kind of key. */
export type OfEach<T> = Readonly<Record<By, T>>;

/** Makes one value for each kind of key. */
export function forEach<T>(make: () => T): OfEach<T> {
  return { subscription: make(), resource: make(), user: make() };
}

/** The names in a message, which are of the kind `to.by`. */
export function namesOf(to: Addressees): readonly string[] {
  switch (to.by) {
    case "subscription":
      return to.ids;
    case "resource":
      return [to.resource];
    case "user":
      return [to.user];
  }
}

/** The keys under which a subscription is found. A message names at most one of them. */
export function keysOf(
  target: Target,
): readonly [Key<"subscription">, Key<"resource" | "user">] {
  const second: Key<"resource" | "user"> = target.resource === "notification"
    ? ["user", target.where.userId]
    : ["resource", target.resource];
  return [["subscription", target.id], second];
}

/** Whether a message is for a target. The message must name one of the target's keys. */
export function isFor(to: Addressees, target: Target): boolean {
  if (to.by !== "user" || target.resource !== "notification") return true;
  const { types } = target.where;
  return types.length === 0 || types.includes(to.type);
}

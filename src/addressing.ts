/**
 * How a message finds subscriptions, and a subscription its messages: both by the same keys.
 */
import type { Target } from "./subscription_id.ts";

/** Whom a message is for. */
export type Addressees =
  /** No id is there twice. */
  | { readonly by: "subscription"; readonly ids: readonly string[] }
  | { readonly by: "resource"; readonly resource: "schedule" }
  | { readonly by: "user"; readonly user: string; readonly type: string };

/** The type of the Kafka message that addresses so, as it is written in the log. */
export function messageTypeOf(to: Addressees): "notification" | "update_subscription" {
  return to.by === "user" ? "notification" : "update_subscription";
}

/** The keys under which a message is to be found. */
export function keysOfAddressees(to: Addressees): readonly string[] {
  switch (to.by) {
    case "subscription":
      return to.ids.map((id) => `id ${id}`);
    case "resource":
      return [`resource ${to.resource}`];
    case "user":
      return [`user ${to.user}`];
  }
}

/** The keys under which a subscription is to be found; no message has more than one of them. */
export function keysOfTarget(target: Target): readonly [string, string] {
  const second = target.resource === "notification"
    ? `user ${target.where.userId}`
    : `resource ${target.resource}`;
  return [`id ${target.id}`, second];
}

/** Whether a message is for a target. */
export function addresses(to: Addressees, target: Target): boolean {
  const keys = keysOfAddressees(to);
  return keysOfTarget(target).some((key) => keys.includes(key)) && isFor(to, target);
}

/** Whether a message that shares a key with the target is for it. */
export function isFor(to: Addressees, target: Target): boolean {
  if (to.by !== "user" || target.resource !== "notification") return true;
  const { types } = target.where;
  return types.length === 0 || types.includes(to.type);
}

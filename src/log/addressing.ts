/**
 * How a message finds subscriptions, and a subscription its messages: both by the same keys.
 */
import type { Target } from "../protocol/target.ts";

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

/** What a message addresses by; the same name is another one by each of them. */
export type By = Addressees["by"];

/** What a subscription is to be found by. */
export type Key<B extends By = By> = readonly [by: B, name: string];

/** One of something for each way to address. */
export type OfEach<T> = Readonly<Record<By, T>>;

/** Makes one for each way to address. */
export function forEach<T>(make: () => T): OfEach<T> {
  return { subscription: make(), resource: make(), user: make() };
}

/** What a message names, by what it addresses by. */
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

/** The keys under which a subscription is to be found; no message names more than one of them. */
export function keysOf(
  target: Target,
): readonly [Key<"subscription">, Key<"resource" | "user">] {
  const second: Key<"resource" | "user"> = target.resource === "notification"
    ? ["user", target.where.userId]
    : ["resource", target.resource];
  return [["subscription", target.id], second];
}

/** Whether a message that names a key of the target is for it. */
export function isFor(to: Addressees, target: Target): boolean {
  if (to.by !== "user" || target.resource !== "notification") return true;
  const { types } = target.where;
  return types.length === 0 || types.includes(to.type);
}

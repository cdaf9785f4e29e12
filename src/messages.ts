/**
 * Kafka message type → schema → what the sessions get (KAF2 to KAF6).
 */
import { getLogger } from "@logtape/logtape";
import * as z from "zod";
import { parseJsonExactly } from "./json.ts";
import type { LogRecord } from "./log_reader.ts";
import { type JsonText, toJson } from "./protocol.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Reloads } from "./reloads.ts";
import type { Addressees, Sessions } from "./sessions.ts";
import { idSchema, optional } from "./validation.ts";

const log = getLogger(["wss", "messages"]);

/** What a message does. */
type Delivery =
  | { readonly does: "update"; readonly to: Addressees; readonly payload: JsonText }
  | { readonly does: "reload"; readonly to: Addressees };

const updateSubscription = z.object({
  type: z.literal("update_subscription"),
  document: z.object({
    subscriptions: optional(z.array(z.string())),
    resource: optional(z.literal("schedule")),
    options: optional(z.object({ reload: optional(z.boolean()) })),
    data: z.unknown().optional(),
  }).refine(
    ({ subscriptions, resource }) => (subscriptions === undefined) !== (resource === undefined),
    "expected either subscriptions or a resource",
  ),
}).transform(({ document: { subscriptions, resource, options, data } }): Delivery => {
  const to: Addressees = resource
    ? { by: "resource", resource }
    : { by: "subscription", ids: new Set(subscriptions) };
  return options?.reload ? { does: "reload", to } : { does: "update", to, payload: toJson(data) };
});

const notification = z.object({
  type: z.literal("notification"),
  document: z.object({
    userId: idSchema.refine((id) => id !== "", "expected an id that is not empty"),
    type: z.string(),
    data: z.unknown().optional(),
  }),
}).transform(({ document: { userId, type, data } }): Delivery => ({
  does: "update",
  to: { by: "user", user: String(userId), type },
  payload: toJson(data),
}));

const messageSchema = z.discriminatedUnion("type", [updateSubscription, notification]);

/** Makes what handles the records of the log. It never throws, for that would end the consumer. */
export function createMessageHandler({ sessions, reloads, quarantine }: {
  sessions: Pick<Sessions, "find" | "update">;
  reloads: Pick<Reloads, "request">;
  quarantine: Pick<Quarantine, "add">;
}): (records: readonly LogRecord[]) => void {
  const decoder = new TextDecoder("utf-8", { fatal: true });

  function parse(value: Uint8Array): { delivery: Delivery } | { reason: string } {
    let text: string;
    try {
      text = decoder.decode(value);
    } catch {
      return { reason: "not UTF-8" };
    }
    let json: unknown;
    try {
      json = parseJsonExactly(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return { reason: "not JSON" };
    }
    const message = messageSchema.safeParse(json);
    if (message.success) return { delivery: message.data };
    const issues = message.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    return { reason: issues.join("; ") };
  }

  function deliver(delivery: Delivery, id: string): void {
    switch (delivery.does) {
      case "update":
        return sessions.update(delivery.to, { payload: delivery.payload, id });
      case "reload":
        for (const subscription of sessions.find(delivery.to)) reloads.request(subscription, id);
    }
  }

  function handle({ partition, offset, value }: LogRecord): void {
    if (value === null) return;
    try {
      const parsed = parse(value);
      if ("reason" in parsed) quarantine.add({ partition, offset, reason: parsed.reason });
      else deliver(parsed.delivery, `${partition}-${offset}`);
    } catch (error) {
      // Such as a value that is nested deeper than the stack allows.
      log.error("Record {partition}-{offset} could not be delivered: {error}", {
        partition,
        offset,
        error,
      });
      quarantine.add({ partition, offset, reason: "could not be delivered" });
    }
  }

  return (records) => records.forEach(handle);
}

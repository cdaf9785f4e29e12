/**
 * Messages in the Kafka topic, by their type.
 */
import type * as z from "zod";
import { messageSchema } from "../log/message.ts";
import type { MessageInfo } from "./message.ts";

const [updateSubscription, notification, logout] = messageSchema.options;

/** Messages that backends write to the topic. */
export const TOPIC_MESSAGES = {
  notification: {
    summary: "Is pushed to the user's subscriptions to this type or to all types (KAF4)",
    payload: notification,
    examples: [{
      type: "notification",
      document: { userId: "42", type: "message", data: { text: "Hello" } },
    }],
  },
  update_subscription: {
    summary: "Is pushed to these subscriptions, or makes wss fetch their lists again (KAF2, KAF3)",
    payload: updateSubscription,
    examples: [
      {
        type: "update_subscription",
        document: { subscriptions: ["c3b9e00c33a9b4cda35df404d710d2c4"], data: { total: 3 } },
      },
      {
        type: "update_subscription",
        document: { resource: "schedule", options: { reload: true } },
      },
    ],
  },
  logout: {
    summary: "Makes every session of the user a guest's (KAF5)",
    payload: logout,
    examples: [{ type: "logout", document: { userId: "42" } }],
  },
} satisfies Record<z.input<typeof messageSchema>["type"], MessageInfo>;

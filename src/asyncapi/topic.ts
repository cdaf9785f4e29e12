/**
 * Messages of the Kafka topic, by their type.
 */
import type * as z from "zod";
import { messageSchema } from "../log/message.ts";
import type { MessageInfo } from "./message.ts";

const [updateSubscription, notification, logout] = messageSchema.options;

/** What backends write to the topic. */
export const TOPIC_MESSAGES = {
  notification: {
    summary: "Goes to the user's subscriptions that have the type, or every type (KAF4)",
    payload: notification,
    examples: [{
      type: "notification",
      document: { userId: "42", type: "message", data: { text: "Hello" } },
    }],
  },
  update_subscription: {
    summary: "Goes to these subscriptions, or has their lists fetched again (KAF2, KAF3)",
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
    summary: "Every session of the user becomes a guest's (KAF5)",
    payload: logout,
    examples: [{ type: "logout", document: { userId: "42" } }],
  },
} satisfies Record<z.input<typeof messageSchema>["type"], MessageInfo>;

/** Clients and messages that tests ask `/why` about. */
import type { Wss } from "./wss.ts";

/** Connects a client with a subscription to notifications of these types; by default Alice, to all. */
export async function subscribe(wss: Wss, types: string[] = [], token = "alice") {
  const client = await wss.connect("/web", { protocols: ["wss.v1"], token });
  const { event, cursor } = await client.request("getMyNotifications", { where: { types } });
  const id = [...wss.service.sessions].at(-1)?.id ?? "";
  return {
    client,
    event,
    cursor,
    /** The session's id. */
    id,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** Publishes a notification for Alice, and gives its record's id. */
export function publish(wss: Wss, data: unknown = "a secret payload"): string {
  return wss.publish("notification", { userId: "42", type: "message", data });
}

/** A recipient of a message, as `/why` reports it. */
export interface ReportedRecipient {
  session: string;
  user: string | null;
  subscription: string;
  result: string;
  steps: { what: string; at: string }[];
}

/** A message, as `/why` reports it. */
export interface ReportedMessage {
  does: string;
  publishedAt: string;
  readAt: string;
  recipientCount: number;
  recipients: ReportedRecipient[];
  others: { session: string; why: string }[];
}

/** The report about one record, by its id. */
export async function whyOf(wss: Wss, record: string): Promise<ReportedMessage> {
  const [partition, offset] = record.split("-");
  return (await wss.admin.get(`/why?partition=${partition}&offset=${offset}`)).message;
}

/** The result of a record for its first recipient. */
export async function resultOf(wss: Wss, record: string): Promise<string | undefined> {
  return (await whyOf(wss, record)).recipients[0]?.result;
}

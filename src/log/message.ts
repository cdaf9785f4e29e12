/**
 * The messages of the Kafka topic (KAF2 to KAF6). `sessions/consume.ts` has each record's value parsed
 * here, by the schema of the message's type, into what the message does.
 */
import { Buffer, isUtf8 } from "node:buffer";
import * as z from "zod";
import type { Addressees } from "./addressing.ts";
import { isObject } from "../util/is_object.ts";
import type { Delivery } from "./window.ts";
import { type JsonText, NULL } from "../protocol/frames.ts";
import { placeOf } from "../protocol/json_source.ts";
import { keyNamer } from "../protocol/key_case.ts";
import { listOfStrings, optional, reasonOf, userIdSchema } from "../protocol/validation.ts";

/** What a message does. */
export type Message = Delivery | { readonly does: "logout"; readonly user: string };

/** The same without the payload of an update, which the schemas don't look into. */
type Meaning =
  | Exclude<Message, { does: "update" }>
  | Omit<Extract<Message, { does: "update" }>, "payload">;

/** Why a record's value can't be used. */
export interface Unusable {
  readonly problem: "not_utf8" | "too_many_values" | "not_json" | "not_a_message";
  /** The problem in words, with the path of each invalid part. */
  readonly reason: string;
}

const dataSchema = z.unknown().optional().describe("The payload of the push");

const updateSubscription = z.object({
  type: z.literal("update_subscription"),
  document: z.object({
    subscriptions: optional(listOfStrings()).describe("The ids of the subscriptions (ID1)"),
    resource: optional(z.literal("schedule"))
      .describe("Addresses every subscription of this resource"),
    options: optional(z.object({
      reload: optional(z.boolean())
        .describe("Whether the lists are fetched again and sent in place of `data` (KAF3)"),
    })),
    data: dataSchema,
  }).refine(
    ({ subscriptions, resource }) => (subscriptions === undefined) !== (resource === undefined),
    "expected either subscriptions or a resource",
  ).meta({
    oneOf: [
      { properties: { subscriptions: { type: "array" } }, required: ["subscriptions"] },
      { properties: { resource: { type: "string" } }, required: ["resource"] },
    ],
  }),
}).transform(({ document: { subscriptions, resource, options } }): Meaning => {
  const to: Addressees = resource
    ? { by: "resource", resource }
    : { by: "subscription", ids: [...new Set(subscriptions)] };
  return { does: options?.reload ? "reload" : "update", to };
});

const notification = z.object({
  type: z.literal("notification"),
  document: z.object({
    userId: userIdSchema,
    type: z.string().transform((type) => type.toWellFormed())
      .describe("The message goes to subscriptions with this type, and to those with all types"),
    data: dataSchema,
  }),
}).transform(({ document: { userId, type } }): Meaning => ({
  does: "update",
  to: { by: "user", user: userId, type },
}));

const logout = z.object({
  type: z.literal("logout"),
  document: z.object({ userId: userIdSchema }),
}).transform(({ document: { userId } }): Meaning => ({ does: "logout", user: userId }));

/** All messages that the topic may contain. */
export const messageSchema = z.discriminatedUnion("type", [
  updateSubscription,
  notification,
  logout,
]);

const nameKeys = keyNamer(messageSchema);

const decoder = new TextDecoder("utf-8", { fatal: true });
/** The first byte of a byte order mark, which the decoder leaves out. */
const MARK_BYTE = 0xef;

/**
 * The most values of a record, by its commas and opening brackets: members, items, arrays and objects, of
 * which an empty one counts twice. It is parsed in one turn: 8 MiB of nothing but nested arrays would take
 * seconds, and 8 MiB of one text take 60 ms.
 */
export const MAX_VALUES = 100_000;

/**
 * Parses a record's value.
 *
 * @returns The message, or why the value can't be used
 */
export function parseMessage(value: Uint8Array): Message | Unusable {
  if (value.length > MAX_VALUES && !hasFewValues(value)) {
    return {
      problem: "too_many_values",
      reason: `it has more than ${MAX_VALUES} commas and opening brackets`,
    };
  }
  let text: string;
  try {
    text = decode(value);
  } catch {
    return { problem: "not_utf8", reason: "not UTF-8" };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: "not_json", reason: "not JSON" };
  }
  const plain = plainNotification(json);
  if (plain) return withPayload(plain, value);
  const message = messageSchema.safeParse(nameKeys(json));
  if (message.success) return withPayload(message.data, value);
  const issues = message.error.issues.map(({ path, message }) =>
    [...(path.length > 0 ? [path.join(".")] : []), reasonOf(message)].join(": ")
  );
  return { problem: "not_a_message", reason: issues.join("; ") };
}

const [QUOTE, BACKSLASH, ...BEGINNINGS] = new TextEncoder().encode('"\\,[{') as unknown as number[];
const [COMMA, OPEN_BRACKET, OPEN_BRACE] = BEGINNINGS;

/** Whether a record has at most {@linkcode MAX_VALUES}. */
function hasFewValues(json: Uint8Array): boolean {
  let values = 0;
  let isInString = false;
  for (let i = 0; i < json.length && values < MAX_VALUES; i++) {
    const byte = json[i];
    if (byte === QUOTE) isInString = !isInString;
    else if (isInString) i += byte === BACKSLASH ? 1 : 0;
    else if (byte === COMMA || byte === OPEN_BRACKET || byte === OPEN_BRACE) values++;
  }
  return values < MAX_VALUES;
}

/**
 * Decodes UTF-8 as {@linkcode decoder} does, which takes three times as long.
 *
 * @throws {TypeError} It is not UTF-8
 */
function decode(value: Uint8Array): string {
  if (value[0] === MARK_BYTE || !isUtf8(value)) return decoder.decode(value);
  return bufferOf(value).toString();
}

/** The same bytes, with the methods of a buffer. */
function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** Adds the data of an update, as it was written (REQ4). */
function withPayload(meaning: Meaning, value: Uint8Array): Message {
  if (meaning.does !== "update") return meaning;
  const place = placeOf(value, DATA_PATH);
  const payload = place ? bufferOf(value).toString("utf8", ...place) as JsonText : NULL;
  return { does: "update", to: meaning.to, payload };
}

const DATA_PATH = ["document", "data"];

/**
 * Checks by hand whether a value is what almost all are: a notification with data, in which every name is
 * exact and the user's id is text. {@linkcode messageSchema} takes a tenth of the time that the whole
 * delivery of such a message takes.
 *
 * @returns `undefined` if the schema has to tell what the value is
 */
function plainNotification(json: unknown): Meaning | undefined {
  if (!isObject(json) || json.type !== "notification" || !isObject(json.document)) return undefined;
  const { userId, type, data } = json.document;
  if (typeof userId !== "string" || userId === "" || typeof type !== "string") return undefined;
  // The data may be there under a name that differs in case (REQ4).
  if (data === undefined) return undefined;
  const to = { by: "user", user: userId, type: type.toWellFormed() } as const;
  return { does: "update", to };
}

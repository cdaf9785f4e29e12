/**
 * Parses the part of a client's frame that all commands have in common: the JSON, the rid, the command's
 * name, and whether there are options (FRM3, REQ1, BAT4).
 */
import * as z from "zod";
import { MAX_MESSAGES } from "../outbox/batching.ts";
import { isObject } from "../util/is_object.ts";
import { NO_RID } from "../protocol/frames.ts";
import { keyNamer } from "../protocol/key_case.ts";
import { CommandError } from "../protocol/errors.ts";
import type { Transport } from "../protocol/transport.ts";
import { optional, parseOrRefuse, ridSchema } from "../protocol/validation.ts";
import { findRid } from "./find_rid.ts";

const nameSchema = z.string().min(1);

/** A request for any command. */
export const requestSchema = z.object({
  rid: ridSchema,
  command: nameSchema,
  // Not copied and not parsed further: each command has its own schema for its options.
  options: z.unknown().refine(isObject, "expected an object").meta({ type: "object" }),
});

/** A request over HTTP, which may be without a rid (HTTP1). */
const exchangeSchema = requestSchema.extend({
  rid: optional(ridSchema).transform((rid) => rid ?? NO_RID),
});

const nameKeys = keyNamer(requestSchema);

/** A request as the client sent it. */
export type ClientRequest = z.output<typeof requestSchema>;

/** What a reply takes from its request, as far as it can be read (REQ2, REQ6). */
export interface Envelope {
  readonly rid: number;
  readonly event: string;
}

/** A request; or what is wrong with it, and where the error reply goes. */
export type ParsedRequest =
  | { readonly request: ClientRequest }
  | { readonly error: CommandError; readonly envelope: Envelope };

/**
 * The most arrays and objects in a frame: 64 requests have some 500. A text of nothing else takes up to a
 * hundred times as long to parse as one of strings, and leaves as much more garbage.
 */
const MAX_STRUCTURES = 4096;

const NOT_JSON = "Cannot read the frame: it is not JSON";

/** Parses a frame: one request, or an array of requests if the client knows batches. */
export function parseRequests(
  text: string,
  { knowsBatches, transport = "socket" }: {
    readonly knowsBatches: boolean;
    readonly transport?: Transport;
  },
): ParsedRequest[] {
  const schema = transport === "socket" ? requestSchema : exchangeSchema;
  const refused = whyNotParsed(text);
  if (refused) return [refused];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [refuse("invalid-json", NOT_JSON)];
  }
  if (!knowsBatches || !Array.isArray(value)) {
    return [parseRequest(value, { name: "the frame", schema })];
  }
  const { length } = value;
  if (length === 0 || length > MAX_MESSAGES) {
    const reason = `it has ${length} requests, expected 1 to ${MAX_MESSAGES}`;
    return [refuse("invalid-request", `Cannot read the frame: ${reason}`)];
  }
  return value.map((element, i) =>
    parseRequest(element, { name: `element ${i} of the frame`, schema })
  );
}

function parseRequest(
  frame: unknown,
  { name, schema }: {
    readonly name: string;
    readonly schema: typeof requestSchema | typeof exchangeSchema;
  },
): ParsedRequest {
  const value = nameKeys(frame);
  if (!isObject(value)) {
    return refuse("invalid-request", `Cannot read ${name}: expected a JSON object`);
  }
  try {
    return { request: parseOrRefuse(schema, value, { path: [], slug: "invalid-request" }) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return {
      error,
      envelope: {
        rid: ridSchema.safeParse(value.rid).data ?? NO_RID,
        event: nameSchema.safeParse(value.command).data ?? "",
      },
    };
  }
}

function refuse(
  slug: "invalid-json" | "invalid-request",
  message: string,
  rid = NO_RID,
): ParsedRequest {
  return { error: new CommandError({ slug, message }), envelope: { rid, event: "" } };
}

const [QUOTE, BACKSLASH, ...BRACKETS] = [...'"\\[{]}'].map((character) => character.charCodeAt(0));
const [OPEN_BRACKET, OPEN_BRACE, CLOSE_BRACKET, CLOSE_BRACE] = BRACKETS;

/** Why a text is not parsed; `undefined` if it may be. */
function whyNotParsed(text: string): ParsedRequest | undefined {
  if (text.length <= MAX_STRUCTURES) return undefined;
  let structures = 0;
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      isInString = !isInString;
    } else if (isInString) {
      if (code === BACKSLASH) i++;
    } else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      structures++;
      depth++;
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) {
      depth--;
    }
  }
  if (structures <= MAX_STRUCTURES) return undefined;
  if (depth !== 0 || isInString) return refuse("invalid-json", NOT_JSON);
  const message = `Cannot read the frame: it has more than ${MAX_STRUCTURES} arrays and objects`;
  return refuse("invalid-request", message, findRid(text));
}

/**
 * Parses the part of a client's frame that all commands have in common: the JSON, the rid, the command's
 * name, and whether there are options (FRM3, REQ1, BAT4).
 */
import * as z from "zod";
import { MAX_MESSAGES } from "../outbox/batching.ts";
import { isObject } from "../util/exact_json.ts";
import { NO_RID } from "../protocol/frames.ts";
import { keyNamer } from "../protocol/key_case.ts";
import { CommandError } from "../protocol/errors.ts";
import type { Transport } from "../protocol/transport.ts";
import { optional, parseOrRefuse } from "../protocol/validation.ts";

/** A rid that a client may choose (REQ1). */
export const ridSchema = z.int().min(1);
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

/** Parses a frame: one request, or an array of requests if the client knows batches. */
export function parseRequests(
  text: string,
  { knowsBatches, transport = "socket" }: {
    readonly knowsBatches: boolean;
    readonly transport?: Transport;
  },
): ParsedRequest[] {
  const schema = transport === "socket" ? requestSchema : exchangeSchema;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [refuse("invalid-json", "Cannot read the frame: it is not JSON")];
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

function refuse(slug: "invalid-json" | "invalid-request", message: string): ParsedRequest {
  return { error: new CommandError({ slug, message }), envelope: { rid: NO_RID, event: "" } };
}

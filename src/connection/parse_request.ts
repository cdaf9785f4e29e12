/**
 * One frame of a client, parsed as far as it is the same for all commands (FRM3, REQ1, BAT4).
 */
import * as z from "zod";
import { MAX_MESSAGES } from "../outbox/batching.ts";
import { isObject } from "../util/exact_json.ts";
import { NO_RID } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import { parseOrRefuse } from "../protocol/validation.ts";

/** What a client may choose as rid (REQ1). */
export const ridSchema = z.int().min(1);
const nameSchema = z.string().min(1);

/** A request, whatever its command. */
export const requestSchema = z.object({
  rid: ridSchema,
  command: nameSchema,
  // Passed on as it came: the command's own schema says what it should be.
  options: z.unknown().refine(isObject, "expected an object").meta({ type: "object" }),
});

/** What a client asked. */
export type Request = z.output<typeof requestSchema>;

/** What a reply to a frame carries, whatever else is wrong with it (REQ2, REQ6). */
export interface Envelope {
  readonly rid: number;
  readonly event: string;
}

/** A request, or why it is none and to what the error belongs. */
export type Parsed =
  | { readonly request: Request }
  | { readonly error: CommandError; readonly envelope: Envelope };

/** Parses a frame: one request, or an array of them where the client knows of such. */
export function parseRequests(
  text: string,
  { knowsBatches }: { knowsBatches: boolean },
): Parsed[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [refuse("invalid-json", "Cannot read the frame: it is not JSON")];
  }
  if (!knowsBatches || !Array.isArray(value)) return [parseRequest(value, "the frame")];
  const { length } = value;
  if (length === 0 || length > MAX_MESSAGES) {
    const reason = `it has ${length} requests, expected 1 to ${MAX_MESSAGES}`;
    return [refuse("invalid-request", `Cannot read the frame: ${reason}`)];
  }
  return value.map((element, i) => parseRequest(element, `element ${i} of the frame`));
}

function parseRequest(value: unknown, name: string): Parsed {
  if (!isObject(value)) {
    return refuse("invalid-request", `Cannot read ${name}: expected a JSON object`);
  }
  try {
    return { request: parseOrRefuse(requestSchema, value, { path: [], slug: "invalid-request" }) };
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

function refuse(slug: "invalid-json" | "invalid-request", message: string): Parsed {
  return { error: new CommandError({ slug, message }), envelope: { rid: NO_RID, event: "" } };
}

/**
 * What an API may answer, and what wss makes of that (BCK1). All operations have the same answers but for
 * those of status 2xx.
 */
import type * as z from "zod";
import { ref, toJsonSchema } from "../util/json_schema.ts";
import { ERRORS, type Slug } from "../protocol/errors.ts";

/** What the document says of an answer that is ok. */
export interface OkInfo {
  readonly summary: string;
  /** The schema of the body. Default: the body is ignored, and there need be none. */
  readonly body?: z.ZodType;
  /** Example bodies, by name. */
  readonly examples?: Readonly<Record<string, unknown>>;
}

const ANY_JSON = { "application/json": { schema: {} } };

/** The error that a client gets, in words. */
function errorText(slug: Slug): string {
  return `\`${slug}\`, ${ERRORS[slug].temporary ? "temporary" : "not temporary"}`;
}

/** The answers that components have, by name. */
export const SHARED_RESPONSES = {
  unauthorized: {
    description: "The token is refused. The client gets the status `unauthorized`, with the JSON " +
      "body or null as its payload. A session whose token is checked again becomes a guest's (AUTH6).",
    content: ANY_JSON,
  },
  forbidden: {
    description:
      "The user may not do this. The client gets the status `forbidden`, with the JSON " +
      "body or null as its payload. For the user API, the token is refused.",
    content: ANY_JSON,
  },
  refused: {
    description: "The client gets the status `error`, with the JSON body as its payload. Without " +
      `JSON, the error is ${errorText("backend-refused")}.`,
    content: ANY_JSON,
  },
  redirect: {
    description: "Redirects of a GET are followed within the same origin, at most five in a row. " +
      `For any other, the error is ${errorText("backend-refused")}.`,
  },
  unavailable: {
    description: `The error is ${errorText("backend-unavailable")}. The body is not passed on. ` +
      "A GET that gets 502, 503 or 504 is tried at most twice more (BCK4).",
    headers: {
      "Retry-After": {
        description: "Seconds, or a date, after which clients may try again",
        schema: { type: "string" },
      },
    },
  },
};

/** The Responses Object of an operation. */
export function responsesOf({ summary, body, examples = {} }: OkInfo) {
  const content = body && {
    "application/json": {
      schema: toJsonSchema(body),
      examples: Object.fromEntries(
        Object.entries(examples).map(([name, value]) => [name, { value }]),
      ),
    },
  };
  const shared = (name: keyof typeof SHARED_RESPONSES) => ref("components", "responses", name);
  return {
    "2XX": { description: summary, ...(content && { content }) },
    "3XX": shared("redirect"),
    "401": shared("unauthorized"),
    "403": shared("forbidden"),
    "429": shared("unavailable"),
    "4XX": shared("refused"),
    "5XX": shared("unavailable"),
  };
}

/**
 * The requests that wss sends to each API, and the answers that it takes.
 */
import * as z from "zod";
import { countSchema } from "../backend/lists.ts";
import { notificationStatusSchema } from "../commands/options.ts";
import { userSchema } from "../backend/tokens.ts";
import { toJsonSchema } from "../util/json_schema.ts";
import { type OkInfo, responsesOf } from "./responses.ts";

/** A parameter of a URL. */
interface ParameterInfo {
  readonly name: string;
  readonly description: string;
  readonly schema: z.ZodType;
  /** Where it is. Default: "query". A list in the query has the parameter once for each element. */
  readonly in?: "query" | "path";
  /** Default: false. */
  readonly required?: boolean;
}

interface OperationInfo {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly ParameterInfo[];
  /** The schema of the body that wss sends, and an example. */
  readonly body?: { readonly schema: z.ZodType; readonly example: unknown };
  readonly ok: OkInfo;
  /** Whether the session's token is sent (BCK2). */
  readonly withToken: boolean;
}

const text = z.string();
const texts = z.array(z.string());
const positive = z.int().positive();

/** GET {user} */
export const getUser = toOperation({
  operationId: "getUser",
  summary: "Tells to which user a token belongs (AUTH1)",
  description: "Is asked when a client logs in, and again every AUTH_REVALIDATE_SECONDS (AUTH6). " +
    "An answer is kept for AUTH_CACHE_SECONDS (AUTH7). A token is refused with 401 or 403. No " +
    "answer, 408, 425, 429 and 5xx are an outage, which changes nothing. Any other answer that is " +
    "not ok, such as a page with a login form, ends a session if it comes three times in a row, " +
    "while other tokens are answered with ok.",
  ok: {
    summary: "The token's user. The body is the payload of `authentication`",
    body: userSchema,
    examples: { user: { id: "42", name: "Alice" } },
  },
  withToken: true,
});

/** GET {notification}, for lists and counts */
export const getNotifications = toOperation({
  operationId: "getNotifications",
  summary: "Lists the notifications of the token's user, or counts them (LIST1, COUNT1)",
  description:
    "With `status` it is a count, without it a list. A list is fetched again if a Kafka " +
    "message says so (KAF3), with the same parameters but `skip`.",
  parameters: [
    { name: "limit", description: "The most items; absent if the client says 0", schema: z.int() },
    { name: "skip", description: "Items to leave out; absent for 0", schema: z.int() },
    { name: "sort", description: "How to sort, as the client gave it", schema: text },
    { name: "type", description: "Types of notifications; absent for all types", schema: texts },
    {
      name: "status",
      description: "Asks for the number of notifications with this status",
      schema: notificationStatusSchema,
    },
  ],
  ok: {
    summary: "The list as the client gets it, any JSON; or the count",
    body: z.union([
      z.unknown().meta({ title: "A list" }),
      countSchema.meta({ title: "A count", description: "Without `total`, it is 0" }),
    ]),
    examples: {
      list: { total: 1, items: [{ id: "1", type: "message", status: "unseen" }] },
      count: { total: 3 },
    },
  },
  withToken: true,
});

/** PUT {notification} */
export const putNotifications = toOperation({
  operationId: "putNotifications",
  summary: "Sets the status of notifications of the token's user (UPD1)",
  description:
    "Is sent once and never tried again (BCK4). An API should publish the change to the " +
    "topic, so that all clients of the user show it.",
  body: {
    schema: z.object({
      ids: texts.min(1).optional().describe("Notifications; absent for all"),
      status: notificationStatusSchema,
    }),
    example: { ids: ["1", "2"], status: "read" },
  },
  ok: { summary: "The status is set. The body is ignored" },
  withToken: true,
});

/** GET {schedule} */
export const getSchedules = toOperation({
  operationId: "getSchedules",
  summary: "Lists a part of the schedule (SCHED1)",
  description: "Is fetched again if a Kafka message says so (KAF3).",
  parameters: [
    { name: "from", description: "Seconds since 1970", schema: positive, required: true },
    { name: "to", description: "Seconds since 1970", schema: positive, required: true },
    { name: "tz", description: "The client's time zone", schema: text, required: true },
    { name: "game_id", description: "Ids of games; absent for all", schema: texts },
    { name: "substage.tier", description: "Tiers of substages; absent for all", schema: texts },
    { name: "tournament.id", description: "Ids of tournaments; absent for all", schema: texts },
  ],
  ok: {
    summary: "The list as the client gets it",
    body: z.unknown(),
    examples: { list: { items: [{ id: "1", name: "Reds - Blues", gameId: "7" }] } },
  },
  withToken: false,
});

/** GET {tournament}/{id} */
export const getTournament = toOperation({
  operationId: "getTournament",
  summary: "Gives one tournament (TOUR1)",
  description: "Equal requests at the same time are one (BCK6).",
  parameters: [{
    name: "id",
    description: "The tournament's id, percent-encoded (BCK5)",
    schema: text.min(1),
    in: "path",
    required: true,
  }],
  ok: {
    summary: "The tournament as the client gets it",
    body: z.unknown(),
    examples: { tournament: { id: "spring-cup", name: "Spring Cup" } },
  },
  withToken: false,
});

/** Makes the Operation Object. */
function toOperation({ parameters = [], body, ok, withToken, ...texts }: OperationInfo) {
  return {
    ...texts,
    security: withToken ? [{ token: [] }] : [],
    parameters: parameters.map(({ schema, ...parameter }) => ({
      in: "query",
      ...parameter,
      schema: toJsonSchema(schema),
    })),
    ...(body && {
      requestBody: {
        required: true,
        content: {
          "application/json; charset=utf-8": {
            schema: toJsonSchema(body.schema),
            example: body.example,
          },
        },
      },
    }),
    responses: responsesOf(ok),
  };
}

import * as z from "zod";
import { ok } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import { HEADER_VALUE, idSchema, optional } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";

/** Logs in or out, or renews the session's token (AUTH1 to AUTH5). */
export const authentication = defineCommand({
  name: "authentication",
  barrier: true,
  changesSession: true,
  options: z.object({
    authToken: optional(
      z.string().regex(HEADER_VALUE, "expected a string that can be the value of an HTTP header"),
    ).describe(
      "Sent to the user API unchanged (BCK2). Without a token, or with an empty one, the session " +
        "becomes a guest's (AUTH2)",
    ),
    update: optional(z.boolean()).describe("Whether to renew the session's token (AUTH4)"),
  }).refine(({ authToken, update }) => authToken || !update, {
    path: ["authToken"],
    message: "expected a token, because update is true",
  }).meta({
    if: { properties: { update: { const: true } }, required: ["update"] },
    then: {
      properties: { authToken: { type: "string", minLength: 1 } },
      required: ["authToken"],
    },
  }),
  summary: "Logs in, renews the token, or, without a token, logs out (AUTH1 to AUTH5)",
  examples: [
    { authToken: "alice-token" },
    { authToken: "alice-newer-token", update: true },
    {},
  ],
  reply: {
    summary: "The user API's answer; null for a guest",
    payload: z.looseObject({ id: idSchema }).nullable(),
    examples: [
      { payload: { id: "42", name: "Alice" } },
      { rid: 3, payload: null },
    ],
  },
  async run({ authToken: token, update }, { session, tokens, signal }) {
    if (!token) {
      session.logOut();
      return ok();
    }
    const { holder: own } = session.caller(signal);
    // A logged-in client can try any number of tokens. So a login counts as a guest's (LIM7).
    const holder = update ? own : { ...own, kind: "guest" as const };
    return await tokens.identify(token, {
      signal,
      holder,
      use({ user, expiresAt }) {
        if (!update) {
          session.logIn({ user, token, expiresAt });
        } else if (user === session.user) {
          session.renew({ user, token, expiresAt });
        } else {
          throw new CommandError({ slug: "invalid-token", message: "Invalid access token" });
        }
      },
    });
  },
});

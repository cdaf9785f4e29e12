import * as z from "zod";
import { ok } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import { HEADER_VALUE, optional } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";

/** Logs in, renews a token, or with neither becomes a guest (AUTH1 to AUTH5). */
export const authentication = defineCommand({
  name: "authentication",
  barrier: true,
  options: z.object({
    authToken: optional(
      z.string().regex(HEADER_VALUE, "expected what can be the value of an HTTP header"),
    ).describe(
      'Goes to the user API as it is (BCK2). Without one, or with "", nobody is logged in (AUTH2)',
    ),
    update: optional(z.boolean()).describe("Whether it renews the session's token (AUTH4)"),
  }).refine(({ authToken, update }) => authToken || !update, {
    path: ["authToken"],
    message: "expected a token, for there is nothing else to renew",
  }).meta({
    if: { properties: { update: { const: true } }, required: ["update"] },
    then: {
      properties: { authToken: { type: "string", minLength: 1 } },
      required: ["authToken"],
    },
  }),
  async run({ authToken: token, update }, { session, tokens, signal }) {
    if (!token) {
      session.logOut();
      return ok();
    }
    return await tokens.identify(token, {
      signal,
      use({ user }) {
        if (!update) {
          session.logIn({ user, token });
        } else if (user === session.user) {
          session.renew(token);
        } else {
          throw new CommandError({ slug: "invalid-token", message: "Invalid access token" });
        }
      },
    });
  },
});

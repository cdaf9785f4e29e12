import * as z from "zod";
import { CommandError, ok } from "../protocol.ts";
import { isHeaderValue, optional } from "../validation.ts";
import { defineCommand } from "./define.ts";

/** Logs in, renews a token, or with neither becomes a guest (AUTH1 to AUTH5). */
export const authentication = defineCommand({
  name: "authentication",
  barrier: true,
  options: z.object({
    authToken: optional(
      z.string().refine(isHeaderValue, "expected what can be the value of an HTTP header"),
    ),
    update: optional(z.boolean()),
  }).refine(({ authToken, update }) => authToken || !update, {
    path: ["authToken"],
    message: "expected a token, for there is nothing else to renew",
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

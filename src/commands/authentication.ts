import * as z from "zod";
import { CommandError, ok } from "../protocol.ts";
import { idSchema, optional } from "../validation.ts";
import { defineCommand } from "./define.ts";

/** What can be a header's value: printable Latin-1. Line breaks would be header injection (BCK2). */
const HEADER_VALUE = /^[\x20-\x7e\xa0-\xff]*$/;

const userSchema = z.object({ id: idSchema.refine((id) => id !== "") });

/** Logs in, renews a token, or with neither becomes a guest (AUTH1 to AUTH5). */
export const authentication = defineCommand({
  name: "authentication",
  barrier: true,
  options: z.object({
    authToken: optional(
      z.string().regex(HEADER_VALUE, "expected what can be the value of an HTTP header"),
    ),
    update: optional(z.boolean()),
  }).refine(({ authToken, update }) => authToken || !update, {
    path: ["authToken"],
    message: "expected a token, for there is nothing else to renew",
  }),
  async run({ authToken: token, update }, { session, backend, signal }) {
    if (!token) {
      session.logOut();
      return ok();
    }
    const { status, payload, value } = await backend.get({ api: "user" }, { token, signal });
    if (status !== "ok") return { status, payload };

    const body = userSchema.safeParse(value);
    if (!body.success) {
      throw new CommandError({
        slug: "backend-invalid",
        message: "Cannot log in: the user API answered no usable id",
      });
    }
    const user = String(body.data.id);
    if (!update) {
      session.logIn({ user, token });
    } else if (user === session.user) {
      session.renew(token);
    } else {
      throw new CommandError({ slug: "invalid-token", message: "Invalid access token" });
    }
    return ok(payload);
  },
});

import * as z from "zod";
import { idSchema } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";

/** Ids that would name another place than one below the API (BCK5). */
const NO_PATH_SEGMENT: readonly (string | number)[] = ["", ".", ".."];

/** One tournament; guests may (TOUR1). */
export const getTournament = defineCommand({
  name: "getTournament",
  options: z.object({
    where: z.object({
      id: idSchema.refine((id) => !NO_PATH_SEGMENT.includes(id), 'expected neither "" nor a path')
        .meta({ not: { enum: NO_PATH_SEGMENT } }),
    }),
  }),
  async run({ where: { id } }, { session, backend, signal }) {
    const { status, payload } = await backend.get(
      { api: "tournament", id: String(id) },
      { token: session.token, signal },
    );
    return { status, payload };
  },
});

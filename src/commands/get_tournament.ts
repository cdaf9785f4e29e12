import * as z from "zod";
import { idSchema } from "../protocol/validation.ts";
import { backendBodySchema, defineCommand } from "./define.ts";

/** Ids that would name the API itself, or a path above it (BCK5). */
const NO_PATH_SEGMENT: readonly (string | number)[] = ["", ".", ".."];

/** Gives one tournament (TOUR1). */
export const getTournament = defineCommand({
  name: "getTournament",
  needs: "tournament",
  options: z.object({
    where: z.object({
      id: idSchema.refine(
        (id) => !NO_PATH_SEGMENT.includes(id),
        'expected an id, not "", "." or ".."',
      )
        .meta({ not: { enum: NO_PATH_SEGMENT } }),
    }),
  }),
  summary: "Gives one tournament; also for guests (TOUR1)",
  examples: [{ where: { id: "spring-cup" } }],
  reply: {
    summary: "The tournament API's answer",
    payload: backendBodySchema,
    examples: [{ payload: { id: "spring-cup", name: "Spring Cup" } }],
  },
  async run({ where: { id } }, { session, backend, signal }) {
    const { status, payload } = await backend.get(
      { api: "tournament", id: String(id) },
      { token: session.token, signal },
    );
    return { status, payload };
  },
});

import * as z from "zod";
import { idSchema } from "../protocol/validation.ts";
import { backendBodySchema, defineCommand } from "./define.ts";

/** How often the API, or a proxy in front of it, may decode a path. */
const MAX_DECODINGS = 2;

/** Gives one tournament (TOUR1). */
export const getTournament = defineCommand({
  name: "getTournament",
  needs: "tournament",
  options: z.object({
    where: z.object({
      id: idSchema.refine(
        (id) => isPathSegment(String(id)),
        'expected an id without "/" or "\\", and not "", "." or "..", also percent-encoded',
      )
        .meta({ not: { enum: ["", ".", ".."] }, pattern: "^[^/\\\\]*$" }),
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
      session.caller(signal),
    );
    return { status, payload };
  },
});

/** Whether an id names one segment of a path, and stays one if it is decoded again (BCK5). */
function isPathSegment(id: string): boolean {
  let text = id;
  for (let decodings = 0; decodings <= MAX_DECODINGS; decodings++) {
    if (["", ".", ".."].includes(text) || /[/\\]/.test(text)) return false;
    text = text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  }
  return true;
}

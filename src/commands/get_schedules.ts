import * as z from "zod";
import { scheduleTarget } from "../protocol/target.ts";
import { idSchema, listOf, optional } from "../protocol/validation.ts";
import { defineCommand } from "./define.ts";
import { listAndSubscribe, sinceSchema } from "./list_and_subscribe.ts";

const idsSchema = optional(listOf(idSchema));

/** Lists a part of the schedule and subscribes to it; guests may (SCHED1). */
export const getSchedules = defineCommand({
  name: "getSchedules",
  options: z.object({
    where: z.object({
      from: z.int().positive(),
      to: z.int().positive(),
      timezone: z.string().min(1),
      gameIds: idsSchema,
      test: optional(z.boolean()),
      substage: optional(z.object({ tiers: idsSchema })),
      tournament: optional(z.object({ ids: idsSchema })),
    }),
    since: sinceSchema,
  }),
  run({ where, since }, context) {
    const all = (name: string, ids: readonly (string | number)[] = []) =>
      ids.map((id) => [name, String(id)] as const);
    const list = {
      api: "schedule",
      query: [
        ["from", String(where.from)],
        ["to", String(where.to)],
        ["tz", where.timezone],
        ...all("game_id", where.gameIds),
        ...all("substage.tier", where.substage?.tiers),
        ...all("tournament.id", where.tournament?.ids),
      ],
    } as const;
    return listAndSubscribe(context, { target: scheduleTarget(where), list, reload: list, since });
  },
});

import * as z from "zod";
import { scheduleTarget } from "../protocol/target.ts";
import { idSchema, optional, selectionOf } from "../protocol/validation.ts";
import { backendBodySchema, defineCommand } from "./define.ts";
import { listAndSubscribe } from "./list_and_subscribe.ts";
import { sinceSchema } from "./options.ts";

const idsSchema = optional(selectionOf(idSchema));

/** Lists a part of the schedule and subscribes to it (SCHED1). */
export const getSchedules = defineCommand({
  name: "getSchedules",
  needs: "schedule",
  subscribes: true,
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
  summary: "Lists a part of the schedule and subscribes to it; also for guests (SCHED1)",
  examples: [{
    where: {
      from: 1795392000,
      to: 1795478400,
      timezone: "Europe/Berlin",
      gameIds: [7],
      test: false,
      substage: { tiers: ["a"] },
      tournament: { ids: ["spring-cup"] },
    },
  }],
  reply: {
    summary: "The schedule API's answer",
    payload: backendBodySchema,
    examples: [{
      event: "f3d626ad22d8ba5b7d7c54a7ba5b1ae8",
      payload: { items: [{ id: "1", name: "Reds - Blues", gameId: "7" }] },
      recovered: false,
      cursor: "AtndBmRaeoHMAaIIIecGAAAAAAABAAAD",
    }],
  },
  run({ where, since }, context) {
    return listAndSubscribe(context, { target: scheduleTarget(where), params: {}, since });
  },
});

/**
 * Endpoint → name → command (NET1).
 */
import type { Backend } from "../backend/backend.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { authentication } from "./authentication.ts";
import type { Command } from "./define.ts";
import { getMyNotifications } from "./get_my_notifications.ts";
import { getMyNotificationsCount } from "./get_my_notifications_count.ts";
import { getSchedules } from "./get_schedules.ts";
import { getTournament } from "./get_tournament.ts";
import { subscription } from "./subscription.ts";
import { updateNotifications } from "./update_notifications.ts";

/** The commands of one endpoint, by name. */
export type CommandTable = ReadonlyMap<string, Command>;

/** The commands of every endpoint; those whose API has no URL are left out. */
export function createCommandTables(
  backend: Pick<Backend, "has">,
): Readonly<Record<Endpoint, CommandTable>> {
  const web = [
    authentication,
    subscription,
    getMyNotifications,
    getMyNotificationsCount,
    updateNotifications,
  ];
  const mobile = [
    ...web,
    ...backend.has("schedule") ? [getSchedules] : [],
    ...backend.has("tournament") ? [getTournament] : [],
  ];
  return { "/web": byName(web), "/mobile": byName(mobile) };
}

function byName(commands: readonly Command[]): CommandTable {
  return new Map(commands.map((command) => [command.name, command]));
}

/**
 * The commands of each endpoint (NET1). A new command is one file in this folder and one line in
 * this table; the AsyncAPI document is made from the same table.
 */
import type { Backend } from "../backend/backend.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import type { Transport } from "../protocol/transport.ts";
import { authentication } from "./authentication.ts";
import type { Command } from "./define.ts";
import { getMyNotifications } from "./get_my_notifications.ts";
import { getMyNotificationsCount } from "./get_my_notifications_count.ts";
import { getSchedules } from "./get_schedules.ts";
import { getTournament } from "./get_tournament.ts";
import { subscription } from "./subscription.ts";
import { updateNotifications } from "./update_notifications.ts";

const WEB = [
  authentication,
  subscription,
  getMyNotifications,
  getMyNotificationsCount,
  updateNotifications,
];

const MOBILE = [
  ...WEB,
  getSchedules,
  getTournament,
];

/** The commands of one endpoint, by name. */
export type CommandTable = ReadonlyMap<string, Command>;

/** The command table of each endpoint. */
export type CommandTables = Readonly<Record<Endpoint, CommandTable>>;

/** The commands of each endpoint that a client has without a WebSocket (HTTP1, HTTP2). */
export function tablesFor(
  transport: Exclude<Transport, "socket">,
  tables: CommandTables,
): CommandTables {
  const has = ({ changesSession, subscribes, subscribesIfAsked }: Command) =>
    transport === "post" ? !changesSession : subscribes || subscribesIfAsked;
  const only = (table: CommandTable): CommandTable =>
    new Map(table.entries().filter(([, command]) => has(command)));
  return { "/web": only(tables["/web"]), "/mobile": only(tables["/mobile"]) };
}

/** Makes the table of each endpoint, without the commands whose API has no URL. */
export function createCommandTables(backend: Pick<Backend, "has">): CommandTables {
  const byName = (commands: readonly Command[]): CommandTable =>
    new Map(
      commands
        .filter(({ needs }) => needs === undefined || backend.has(needs))
        .map((command) => [command.name, command]),
    );
  return { "/web": byName(WEB), "/mobile": byName(MOBILE) };
}

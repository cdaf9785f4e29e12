import type * as z from "zod";
import type { Commands } from "../../src/client/types.ts";
import type { Command } from "../../src/commands/define.ts";
import type { getMyNotifications } from "../../src/commands/get_my_notifications.ts";
import type { getMyNotificationsCount } from "../../src/commands/get_my_notifications_count.ts";
import type { getSchedules } from "../../src/commands/get_schedules.ts";
import type { getTournament } from "../../src/commands/get_tournament.ts";
import type { subscription } from "../../src/commands/subscription.ts";
import type { updateNotifications } from "../../src/commands/update_notifications.ts";

/** What the service's schemas take. */
interface Schemas {
  getMyNotifications: OptionsOf<typeof getMyNotifications>;
  getMyNotificationsCount: OptionsOf<typeof getMyNotificationsCount>;
  updateNotifications: OptionsOf<typeof updateNotifications>;
  getSchedules: OptionsOf<typeof getSchedules>;
  getTournament: OptionsOf<typeof getTournament>;
  subscription: OptionsOf<typeof subscription>;
}

type OptionsOf<C> = C extends Command<infer S> ? z.input<S> : never;

/**
 * A type less what the two say differently on purpose: the service takes `null` for what is absent
 * (REQ4) and anything as a cursor (DEL6), and the library changes nothing that it is given.
 */
type Plain<T> = T extends readonly (infer E)[] ? Plain<E>[]
  : T extends object ? {
      -readonly [K in keyof T]: K extends "since" ? string : Plain<Exclude<T[K], null | undefined>>;
    }
  : T;

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

Deno.test("the library's types are those of the service's schemas", () => {
  // What is checked is checked by the compiler.
  const areEqual: { [C in keyof Schemas]: Equal<Plain<Commands[C]>, Plain<Schemas[C]>> } = {
    getMyNotifications: true,
    getMyNotificationsCount: true,
    updateNotifications: true,
    getSchedules: true,
    getTournament: true,
    subscription: true,
  };
  const areAll: Equal<keyof Commands, keyof Schemas> = true;
  void [areEqual, areAll];
});

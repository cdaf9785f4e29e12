import type * as z from "zod";
import type { Commands } from "../../src/client/types.ts";
import type { Command } from "../../src/commands/define.ts";
import type { getMyNotifications } from "../../src/commands/get_my_notifications.ts";
import type { getMyNotificationsCount } from "../../src/commands/get_my_notifications_count.ts";
import type { getSchedules } from "../../src/commands/get_schedules.ts";
import type { getTournament } from "../../src/commands/get_tournament.ts";
import type { subscription } from "../../src/commands/subscription.ts";
import type { updateNotifications } from "../../src/commands/update_notifications.ts";

/** The input of the service's schemas. */
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
 * A type without the intended differences: the service accepts `null` for an absent key (REQ4) and any
 * value as a cursor (DEL6), and the library's types are readonly.
 */
type Plain<T> = T extends readonly (infer E)[] ? Plain<E>[]
  : T extends object ? {
      -readonly [K in keyof T]: K extends "since" ? string : Plain<Exclude<T[K], null | undefined>>;
    }
  : T;

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

Deno.test("the library's types match the service's schemas", () => {
  // The compiler does the checking.
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

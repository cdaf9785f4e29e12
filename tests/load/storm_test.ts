/** Thousands of clients at once. */
import {
  connectAtOnce,
  logInAtOnce,
  reloadLists,
  reloadSchedule,
  reloadScheduleInARow,
} from "../_support/scenarios/storms.ts";

Deno.test("[BCK3][BCK6] if 5,000 clients log in with 500 tokens at once, 500 calls are made within the pool", () =>
  logInAtOnce({ clients: 5000, tokens: 500 }));

Deno.test("[KAF3] a reload of a schedule that 5,000 sessions share is one call", () =>
  reloadSchedule({ clients: 5000, tokens: 500 }));

Deno.test("[KAF3] ten reloads in a row of a schedule that 5,000 sessions share are at most eleven calls", () =>
  reloadScheduleInARow({ clients: 5000 }));

Deno.test("[KAF3] a reload for 500 users with 10 sessions each is 500 calls, ten in a row are at most 1,000", () =>
  reloadLists({ clients: 5000, tokens: 500 }));

Deno.test("[LIM1][NET3] if 5,000 clients come at once, MAX_CONNECTIONS of 2,000 are served and 3,000 refused", () =>
  connectAtOnce({ clients: 5000, slots: 2000 }));

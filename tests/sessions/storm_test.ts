/** Many clients at once; see also tests/load. */
import {
  connectAtOnce,
  logInAtOnce,
  reloadLists,
  reloadSchedule,
  reloadScheduleInARow,
} from "../_support/scenarios/storms.ts";

Deno.test("[BCK3][BCK6] if 1,000 clients log in with 100 tokens at once, 100 calls are made within the pool", () =>
  logInAtOnce({ clients: 1000, tokens: 100 }));

Deno.test("[KAF3] a reload of a schedule that 1,000 sessions share is one call", () =>
  reloadSchedule({ clients: 1000, tokens: 100 }));

Deno.test("[KAF3] ten reloads in a row of a schedule that 300 sessions share are at most eleven calls", () =>
  reloadScheduleInARow({ clients: 300 }));

Deno.test("[KAF3] a reload for 100 users with 10 sessions each is 100 calls, ten in a row are at most 200", () =>
  reloadLists({ clients: 1000, tokens: 100 }));

Deno.test("[LIM1][NET3] if 1,000 clients come at once, MAX_CONNECTIONS of 400 are served and 600 refused", () =>
  connectAtOnce({ clients: 1000, slots: 400 }));

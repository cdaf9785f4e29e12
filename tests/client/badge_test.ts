import { assertRightInTime, runBadges } from "../_support/scenarios/badges.ts";

Deno.test("[COUNT2] the badges of three devices are right within 2 s of the last change", async () => {
  assertRightInTime(await runBadges({ rounds: 1 }));
});

Deno.test("[COUNT2] the same over HTTP, where WebSockets are blocked", async () => {
  assertRightInTime(await runBadges({ rounds: 1, overHttp: true }));
});

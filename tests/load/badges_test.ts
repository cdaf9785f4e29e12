import { assertRightInTime, runBadges } from "../_support/scenarios/badges.ts";

Deno.test("[COUNT2] the badges of three devices are right again and again for a minute, while instances restart", async () => {
  assertRightInTime(await runBadges({ rounds: 60 }));
});

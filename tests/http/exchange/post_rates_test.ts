import { assert, assertEquals } from "@std/assert";
import { post } from "../../_support/clients/event_client.ts";
import { fakePerformance } from "../../_support/clock.ts";
import { startWss } from "../../_support/service/wss.ts";

const TOURNAMENT = { rid: 7, command: "getTournament", options: { where: { id: "1" } } };

Deno.test("[HTTP5][LIM2] POSTs over the limit for long are refused, and RATE_LIMIT of them a second still answered", async () => {
  await using wss = await startWss({ settings: { RATE_LIMIT: 5 } });
  using clock = fakePerformance();
  for (const token of ["alice", undefined]) {
    for (let second = 1; second <= 40; second++) {
      const answers = [];
      for (let i = 0; i < 6; i++) {
        answers.push(await post(`${wss.http}/mobile`, TOURNAMENT, { token }));
      }
      const refused = answers.filter(({ status }) => status !== 200);
      assert(refused.length <= 1, `${refused.length} are refused in second ${second}`);
      const facts = refused.map(({ status, headers, reply }) => [
        status,
        headers.get("retry-after"),
        reply.rid,
      ]);
      assertEquals(facts, refused.map(() => [429, "1", 7]));
      clock.tick(1000);
    }
  }
});

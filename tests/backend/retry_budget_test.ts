import { assert, assertEquals } from "@std/assert";
import { RetryBudget } from "../../src/backend/retry_budget.ts";
import { startWss } from "../_support/service/wss.ts";

Deno.test("[BCK4] tries are at most a tenth of the requests of the last ten seconds, plus ten", () => {
  const budget = new RetryBudget();
  let tries = 0;
  const tryAll = (now: number) => {
    while (budget.take(now)) tries++;
    return tries;
  };
  const start = 1_000_000;
  assertEquals(tryAll(start), 10);
  for (let i = 0; i < 100; i++) budget.noteRequest(start + 10 * i);
  assertEquals(tryAll(start + 1000), 20);
  assertEquals(tryAll(start + 9000), 20);
  // The first ten tries are forgotten, and so are the requests of the first second.
  assertEquals(tryAll(start + 10_000), 20);
  assertEquals(tryAll(start + 11_000), 30);
  assertEquals(tryAll(start + 3_600_000), 40);
});

Deno.test("[BCK4] an API that is down gets few tries beyond the requests", async () => {
  await using wss = await startWss();
  wss.backend.on("GET /tournament", () => new Response("", { status: 503 }));
  await using client = await wss.connect("/mobile");
  const requests = 100;
  for (let rid = 1; rid <= requests; rid++) {
    client.send({ rid, command: "getTournament", options: { where: { id: rid } } });
  }
  for (let i = 0; i < requests; i++) {
    assertEquals((await client.next()).payload.error[0].Slug, "backend-unavailable");
  }
  const { length } = wss.backend.calls;
  assert(length > requests && length <= 1.1 * requests + 10, `${length} calls`);
});

/** The client library on connections that break, and while instances restart; see also tests/load. */
import { assert, assertEquals } from "@std/assert";
import { runBadLine } from "../_support/scenarios/bad_line.ts";
import { assertEachMovedOnce, runRollingRestart } from "../_support/scenarios/rolling_restart.ts";

for (const overHttp of [false, true]) {
  const over = overHttp ? "over HTTP" : "over WebSockets";

  Deno.test(`on bad connections, 20 clients get each of 20 broadcasts once, ${over}`, async () => {
    const report = await runBadLine({
      clients: 20,
      broadcasts: 20,
      everyMs: 50,
      breaksWithinMs: 600,
      blackHoles: 0,
      holdMs: 100,
      overHttp,
    });

    const all = Array.from({ length: 20 }, (_, n) => n);
    for (const own of report.received) assertEquals(own, all);
    assertEquals(report.listCalls, 0);
    assert(report.breaks >= 20, `${report.breaks} breaks`);
  });

  Deno.test(`a rolling restart moves 60 clients once for each instance that they were on, ${over}`, async () => {
    assertEachMovedOnce(await runRollingRestart({ clients: 60, drainSeconds: 0.5, overHttp }));
  });
}

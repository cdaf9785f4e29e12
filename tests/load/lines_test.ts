/** The client library on lines that break, and while instances are restarted, at scale. */
import { assertEquals } from "@std/assert";
import { runBadLine } from "../_support/scenarios/bad_line.ts";
import { assertEachMovedOnce, runRollingRestart } from "../_support/scenarios/rolling_restart.ts";

Deno.test("on bad connections, 200 clients get each of 120 broadcasts once", async () => {
  const { received, delivered, repeats, delays, listCalls } = await runBadLine({
    clients: 200,
    broadcasts: 120,
    everyMs: 500,
    breaksWithinMs: 30_000,
    blackHoles: 0.1,
    holdMs: 2000,
  });

  const at = (part: number) => `${Math.round(delays[Math.floor(delays.length * part)] ?? NaN)} ms`;
  // deno-lint-ignore no-console
  console.log(
    `delivered ${(100 * delivered).toFixed(2)} %, repeats dropped ${repeats}, ` +
      `delay 50 % ${at(0.5)}, 99 % ${at(0.99)}`,
  );
  const all = Array.from({ length: 120 }, (_, n) => n);
  for (const own of received) assertEquals(own, all);
  assertEquals(listCalls, 0);
});

Deno.test("a rolling restart moves 1,000 clients once for each instance that they were on", async () => {
  assertEachMovedOnce(await runRollingRestart({ clients: 1000, drainSeconds: 2 }));
});

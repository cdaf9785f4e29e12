import { assertEquals } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import { Timeouts } from "../../src/backend/timeouts.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { startWss } from "../_support/service/wss.ts";

Deno.test("each timeout expires in time, except cancelled ones", () => {
  const clock = FakeTimers.install();
  try {
    const timeouts = new Timeouts(1000);
    const ended: string[] = [];
    const start = (name: string) => {
      const expiring = { expire: () => ended.push(`${name} at ${clock.now}`) };
      timeouts.start(expiring);
      return () => timeouts.end(expiring);
    };
    start("a");
    clock.tick(300);
    const endB = start("b");
    clock.tick(300);
    start("c");
    endB();
    clock.tick(2000);
    assertEquals(ended, ["a at 1000", "c at 1600"]);
    // Without timeouts there is no timer, and the next timeout starts a new one.
    assertEquals(clock.countTimers(), 0);
    const endD = start("d");
    assertEquals(clock.countTimers(), 1);
    endD();
    assertEquals(clock.countTimers(), 0);
    start("e");
    clock.tick(1000);
    assertEquals(ended.at(-1), "e at 3600");
  } finally {
    clock.uninstall();
  }
});

Deno.test("[BCK6] nobody joins a request that was not answered in time", async () => {
  await using wss = await startWss({ settings: { BACKEND_TIMEOUT_MS: 1000 } });
  await using one = await wss.connect("/mobile");
  await using two = await wss.connect("/mobile");
  const where = { id: "1" };
  const release = wss.backend.hold("GET /tournament");
  using clock = fakeTimeouts();

  one.ask("getTournament", { where });
  await release();
  clock.tick(600);
  two.ask("getTournament", { where });
  await two.request("nothing");
  clock.tick(500);
  assertEquals((await one.next()).payload.error[0].Slug, "backend-timeout");
  // The second client still waits for the same request.
  one.ask("getTournament", { where });
  (await release())();

  assertEquals((await one.next()).status, "ok");
  assertEquals(wss.backend.calls.length, 2);
  clock.tick(600);
  assertEquals((await two.next()).payload.error[0].Slug, "backend-timeout");
});

import { assertEquals } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import { Timeouts } from "../../src/backend/timeouts.ts";

Deno.test("each timeout expires in time, except cancelled ones", () => {
  const clock = FakeTimers.install();
  try {
    const timeouts = new Timeouts(1000);
    const ended: string[] = [];
    const start = (name: string) => timeouts.start(() => ended.push(`${name} at ${clock.now}`));
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

import { assertEquals } from "@std/assert";
import { Throttle } from "../../src/util/throttle.ts";
import { fakeTimeouts } from "../_support/clock.ts";

Deno.test("work is done at once, and then at most once in the period, also if it was asked for often", () => {
  using clock = fakeTimeouts();
  let done = 0;
  const throttle = new Throttle({ periodMs: 10, work: () => done++ });
  const counts: number[] = [];
  for (const [asks, ms] of [[1, 0], [3, 9], [0, 1], [1, 9], [0, 1], [0, 50], [2, 0]] as const) {
    for (let i = 0; i < asks; i++) throttle.ask();
    clock.tick(ms);
    counts.push(done);
  }
  assertEquals(counts, [1, 1, 2, 2, 3, 3, 4]);
  throttle.stop();
  clock.tick(50);
  assertEquals(done, 4);
  throttle.ask();
  assertEquals(done, 4);
});

Deno.test("work may ask for itself once more", () => {
  using clock = fakeTimeouts();
  const times: number[] = [];
  const throttle = new Throttle({
    periodMs: 10,
    work: () => {
      times.push(performance.now());
      if (times.length < 3) throttle.ask();
    },
  });
  throttle.ask();
  clock.tick(100);
  const [first = 0] = times;
  assertEquals(times.map((time) => time - first), [0, 10, 20]);
});

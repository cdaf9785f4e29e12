/** When an answer is given up, on a clock that the test moves. */
import { assertEquals } from "@std/assert";
import { AnswerTimer, MIN_BYTES_PER_SECOND } from "../../../src/kafka/brokers/answer_timer.ts";
import { type FakeClock, fakeTimeouts } from "../../_support/clock.ts";

const LIMIT_MS = 5000;
const TOO_SLOW = "no whole answer, as less than 16384 bytes a second arrive";

/** A timer, and why it expired. */
function startTimer() {
  const expired: string[] = [];
  const timer = new AnswerTimer({ limitMs: LIMIT_MS, onExpiry: (reason) => expired.push(reason) });
  return { timer, expired };
}

/** Lets bytes arrive every 100 ms, until all have, or the answer is given up. Gives the milliseconds. */
function arrive(
  { timer, expired }: ReturnType<typeof startTimer>,
  { clock, bytes, bytesPerSecond }: { clock: FakeClock; bytes: number; bytesPerSecond: number },
): number {
  const startedAt = performance.now();
  for (let left = bytes; left > 0 && expired.length === 0; left -= bytesPerSecond / 10) {
    clock.tick(100);
    timer.onBytes(bytesPerSecond / 10);
  }
  return performance.now() - startedAt;
}

Deno.test("[KAF10] a batch of 64 MiB arrives at 1 MB a second, and at the least rate", () => {
  using clock = fakeTimeouts();
  for (const bytesPerSecond of [1_000_000, MIN_BYTES_PER_SECOND]) {
    const started = startTimer();

    const ms = arrive(started, { clock, bytes: 64 * 2 ** 20, bytesPerSecond });
    started.timer.stop();
    clock.tick(10 * LIMIT_MS);

    assertEquals([ms > 60_000, started.expired], [true, []]);
  }
});

Deno.test("[KAF10] a broker that drips one byte a second is given up about as fast as a silent one", () => {
  using clock = fakeTimeouts();
  const started = startTimer();
  clock.tick(LIMIT_MS - 1);

  const ms = arrive(started, { clock, bytes: 1000, bytesPerSecond: 1 });

  assertEquals([ms < LIMIT_MS + 500, started.expired], [true, [TOO_SLOW]]);
});

Deno.test("[KAF10] a line that becomes too slow is given up when what came fast is used up", () => {
  using clock = fakeTimeouts();
  const started = startTimer();
  started.timer.onBytes(10 * MIN_BYTES_PER_SECOND);

  const ms = arrive(started, { clock, bytes: Infinity, bytesPerSecond: MIN_BYTES_PER_SECOND / 2 });

  assertEquals([ms >= 2 * (10_000 + LIMIT_MS), ms < 31_000, started.expired], [
    true,
    true,
    [TOO_SLOW],
  ]);
});

Deno.test("[KAF10] a broker that becomes silent is given up after the limit, wherever it stopped", () => {
  using clock = fakeTimeouts();
  const silent = startTimer();
  clock.tick(LIMIT_MS + 100);
  const stopped = startTimer();
  stopped.timer.onBytes(1_000_000);
  clock.tick(LIMIT_MS - 1);
  stopped.timer.onBytes(1_000_000);
  clock.tick(LIMIT_MS - 1);
  const before = [...stopped.expired];
  clock.tick(101);

  assertEquals(silent.expired, ["no answer within 5000 ms"]);
  assertEquals([before, stopped.expired], [[], [
    "no whole answer, and no more of it for 5000 ms",
  ]]);
});

Deno.test("[KAF10] bytes that are there count after this process stood still for longer than the limit", () => {
  using clock = fakeTimeouts();
  const { timer, expired } = startTimer();

  clock.jump(10 * LIMIT_MS);
  timer.onBytes(1);
  clock.tick(LIMIT_MS - 1);
  timer.stop();

  assertEquals(expired, []);
});

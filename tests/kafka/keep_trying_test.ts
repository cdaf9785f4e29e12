import FakeTimers from "@sinonjs/fake-timers";
import { assertEquals } from "@std/assert";
import { keepTrying } from "../../src/kafka/keep_trying.ts";

Deno.test("work is tried once a second until it succeeds, and each error is told", async () => {
  const clock = FakeTimers.install();
  try {
    const errors: [number, string][] = [];
    let isDown = true;
    const result = keepTrying(
      () => isDown ? Promise.reject(new Error("down")) : Promise.resolve("up"),
      {
        signal: new AbortController().signal,
        onError: (error) => errors.push([Date.now() / 1000, (error as Error).message]),
      },
    );

    await clock.tickAsync(2500);
    isDown = false;
    await clock.tickAsync(1000);

    assertEquals(errors, [[0, "down"], [1, "down"], [2, "down"]]);
    assertEquals(await result, "up");
  } finally {
    clock.uninstall();
  }
});

Deno.test("trying ends when it is aborted, and leaves no timer behind", async () => {
  const clock = FakeTimers.install();
  try {
    const errors: unknown[] = [];
    const stopping = new AbortController();
    const result = keepTrying(() => Promise.reject(new Error("down")), {
      signal: stopping.signal,
      onError: (error) => errors.push(error),
    });

    await clock.tickAsync(0);
    stopping.abort();

    assertEquals([await result, errors.length, clock.countTimers()], [undefined, 1, 0]);
  } finally {
    clock.uninstall();
  }
});

/** Clocks that stand still until a test moves them. */
import FakeTimers, { type FakeMethod } from "@sinonjs/fake-timers";

export interface FakeClock {
  /** Moves the clock, and runs the timers that have become due. */
  tick(ms: number): void;
  /** Moves the clock as if the process had been paused: each timer runs at most once. */
  jump(ms: number): void;
  [Symbol.dispose](): void;
}

function fake(methods: FakeMethod[]): FakeClock {
  // The platform uses timeouts of its own, such as for pings, from before and after this.
  const options = { now: Date.now(), shouldClearNativeTimers: true };
  // Whole seconds: sums with whole milliseconds are exact, and timers are due as if it were 0.
  const startedAt = 1000 * Math.ceil(performance.now() / 1000);
  const clock = FakeTimers.install({ ...options, toFake: methods });
  if (methods.includes("performance")) {
    // The fake one begins at 0: for what was measured before, time would go back.
    const sinceStart = performance.now.bind(performance);
    performance.now = () => startedAt + sinceStart();
  }
  return {
    tick: (ms) => clock.tick(ms),
    jump: (ms) => clock.jump(ms),
    [Symbol.dispose]: () => clock.uninstall(),
  };
}

/**
 * The clock by which a service in this process does its periodic work. Timeouts stay real, and with
 * them the deadlines of tests.
 */
export function fakeServiceClock(): FakeClock {
  return fake(["setInterval", "clearInterval", "performance", "Date"]);
}

/** The clock of `performance.now()`. Timers stay real, and so find that much time has passed. */
export function fakePerformance(): FakeClock {
  return fake(["performance"]);
}

/** Timeouts and `performance.now()`; the intervals and deadlines of a test stay real. */
export function fakeTimeouts(): FakeClock {
  return fake(["setTimeout", "clearTimeout", "performance"]);
}

/** Everything by which a client of the library notices that the device has slept. */
export function fakeSleep(): FakeClock {
  return fake([
    "setTimeout",
    "clearTimeout",
    "setInterval",
    "clearInterval",
    "performance",
    "Date",
  ]);
}

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
  const clock = FakeTimers.install({ ...options, toFake: methods });
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

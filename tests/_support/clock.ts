/** Clocks that stand still until a test moves them. */
import FakeTimers, { type FakeMethod } from "@sinonjs/fake-timers";

export interface FakeClock {
  /** Moves the clock, and runs the timers that have become due. */
  tick(ms: number): void;
  [Symbol.dispose](): void;
}

function fake(methods: FakeMethod[]): FakeClock {
  const clock = FakeTimers.install({ now: Date.now(), toFake: methods });
  return {
    tick: (ms) => clock.tick(ms),
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

/** The clock of the client library. Intervals are not faked. */
export function fakeClientClock(): FakeClock {
  return fake(["setTimeout", "clearTimeout", "performance"]);
}

/**
 * Closes sessions that are of no use to anybody (LIM4).
 */
import { TimerWheel } from "../util/timer_wheel.ts";

const TICK_MS = 1000;

/** What is looked at. */
export interface Guest {
  /** Milliseconds for which it has been idle; 0 while it is not. */
  idleForMs(now: number): number;
  closeAsIdle(): void;
}

/** Looks at sessions from time to time. */
export interface IdleGuests {
  add(guest: Guest): void;
  remove(guest: Guest): void;
  stop(): void;
}

/** Makes {@linkcode IdleGuests} that closes who is idle for the period. */
export function createIdleGuests(periodMs: number): IdleGuests {
  const wheel = new TimerWheel<Guest>({
    tickMs: Math.min(TICK_MS, periodMs),
    onDue(guest) {
      const leftMs = periodMs - guest.idleForMs(performance.now());
      if (leftMs <= 0) guest.closeAsIdle();
      else wheel.schedule(guest, leftMs);
    },
  });
  return {
    add: (guest) => wheel.schedule(guest, periodMs),
    remove: (guest) => wheel.cancel(guest),
    stop: () => wheel.stop(),
  };
}

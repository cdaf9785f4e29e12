/**
 * Closes guests that nobody uses any more (LIM4).
 */
import { TimerWheel } from "../util/timer_wheel.ts";

const TICK_MS = 1000;

/** The part of a connection that {@linkcode IdleGuests} needs. */
export interface Guest {
  /** Milliseconds for which the guest has been idle; 0 if it is not idle, or not a guest's session. */
  idleForMs(now: number): number;
  closeAsIdle(): void;
}

/** Looks at connections from time to time, and closes those that have been idle for too long. */
export class IdleGuests {
  readonly #periodMs: number;
  readonly #wheel: TimerWheel<Guest>;

  /** @param periodMs Milliseconds after which an idle guest is closed */
  constructor(periodMs: number) {
    this.#periodMs = periodMs;
    this.#wheel = new TimerWheel({
      tickMs: Math.min(TICK_MS, periodMs),
      onDue: (guest) => this.#look(guest),
    });
  }

  /** When it was last looked which guests are idle, by `performance.now()`. */
  get lookedAt(): number {
    return this.#wheel.turnedAt;
  }

  add(guest: Guest): void {
    this.#wheel.schedule(guest, this.#periodMs);
  }

  remove(guest: Guest): void {
    this.#wheel.cancel(guest);
  }

  stop(): void {
    this.#wheel.stop();
  }

  #look(guest: Guest): void {
    const leftMs = this.#periodMs - guest.idleForMs(performance.now());
    if (leftMs <= 0) guest.closeAsIdle();
    else this.#wheel.schedule(guest, leftMs);
  }
}

/**
 * Mends two faults of the queue in which kafkajs 2.2.4 keeps requests.
 *
 * After each response it sets a timer with a negative delay, to send requests that wait until a throttle
 * has ended, even if no request waits. That costs 4 % of a core while idle, and prints a
 * TimeoutNegativeWarning on stderr (tulios/kafkajs#1704, #1751).
 *
 * It follows a broker's throttling (KIP-219) for as long as the broker says, which may be 24 days.
 */
import RequestQueueModule from "kafkajs/src/network/requestQueue/index.js";

/** The used part of a class of kafkajs for which the package has no types. */
interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests(): void;
  maybeThrottle(ms: number | null): void;
}

/**
 * The longest time for which a broker's throttling is followed, in milliseconds. The broker itself
 * stops to read from the connection for as long as it wants.
 */
export const MAX_THROTTLE_MS = 30_000;

const { prototype }: { prototype: RequestQueue } = RequestQueueModule;

let isFixed = false;

/** Makes kafkajs set the timer only if a request waits, and bounds throttling. A second call changes nothing. */
export function fixRequestQueue(): void {
  if (isFixed) return;
  isFixed = true;
  const { scheduleCheckPendingRequests: schedule, maybeThrottle: throttle } = prototype;
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
  prototype.maybeThrottle = function (ms) {
    throttle.call(this, Math.min(ms ?? 0, MAX_THROTTLE_MS));
  };
}

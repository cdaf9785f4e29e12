/**
 * Keeps kafkajs 2.2.4 from spinning. After each response it sets a timer with a negative delay, to
 * send requests that wait until a throttle has ended, even if no request waits. That costs 4 % of a
 * core while idle, and prints a TimeoutNegativeWarning on stderr (tulios/kafkajs#1704, #1751).
 */
import RequestQueueModule from "kafkajs/src/network/requestQueue/index.js";

/** The used part of a class of kafkajs for which the package has no types. */
interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

const { prototype }: { prototype: RequestQueue } = RequestQueueModule;

let isFixed = false;

/** Makes kafkajs set the timer only if a request waits. A second call changes nothing. */
export function fixIdleTimer(): void {
  if (isFixed) return;
  isFixed = true;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}

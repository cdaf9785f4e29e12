/**
 * Keeps kafkajs 2.2.4 from spinning: after each response it sets a timer, with a negative delay,
 * to look at requests that wait for a throttle to end, also when nothing waits. That costs 4 % of a
 * core while idle, and a TimeoutNegativeWarning on stderr (tulios/kafkajs#1704, #1751).
 */
import RequestQueueModule from "kafkajs/src/network/requestQueue/index.js";

/** What is used of kafkajs' own class; the package ships no types for it. */
interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

const { prototype }: { prototype: RequestQueue } = RequestQueueModule;

let cured = false;

/** Sets the timer only where there is something to wait for. May be called again. */
export function fixIdleTimer(): void {
  if (cured) return;
  cured = true;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}

/**
 * What moves subscriptions on that are not live: later turns of the event loop, records that were
 * read, reloads.
 */
import { setImmediate } from "node:timers/promises";
import type { FanOut } from "./fan_out.ts";
import type { Reloads } from "./reloads.ts";
import type { Stream } from "../log/stream.ts";
import type { Feed, Subscription } from "./subscription.ts";
import type { Trace } from "../observe/delivery_trace.ts";
import { createTurns } from "../util/time_slice.ts";

/** Makes the {@linkcode Feed} of an instance; `onRead` is to be called when something was read. */
export function createFeed(
  { stream, fanOut, reloads, trace }: {
    stream: Stream;
    fanOut: Pick<FanOut, "owes" | "settle">;
    reloads: Reloads;
    trace: Trace;
  },
): Feed & { onRead(): void } {
  /** To be called back when there is time. */
  const later = new Set<Subscription>();
  /** To be called back when something was read. */
  const waiting = new Set<Subscription>();
  let isRunning = false;

  async function continueAll(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    try {
      await setImmediate();
      const turn = createTurns();
      // Who is not done yet comes again, after all others.
      for (const subscription of later) {
        await turn();
        later.delete(subscription);
        subscription.catchUp();
      }
    } finally {
      isRunning = false;
    }
  }

  function continueLater(subscription: Subscription): void {
    later.add(subscription);
    continueAll();
  }

  return {
    stream,
    trace,
    isOwed: (subscription) => fanOut.owes(subscription),
    settle: (subscription) => fanOut.settle(subscription),
    reload: (subscription) => reloads.request(subscription),
    reloadLater: (subscription) => reloads.requestLater(subscription),
    cancelReload: (subscription) => reloads.cancel(subscription),
    renewReload: (subscription) => reloads.renew(subscription),
    continueLater,
    continueOnRead: (subscription) => void waiting.add(subscription),
    onRead() {
      for (const subscription of waiting) continueLater(subscription);
      waiting.clear();
    },
  };
}

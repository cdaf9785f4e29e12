/**
 * What moves subscriptions on that are not live: later turns of the event loop, records that were
 * read, reloads.
 */
import { setImmediate } from "node:timers";
import type { Reloads } from "./reloads.ts";
import type { Stream } from "./stream.ts";
import type { Feed, Subscription } from "./subscriptions.ts";

/** Makes the {@linkcode Feed} of an instance; `onRead` is to be called when something was read. */
export function createFeed(
  { stream, reloads }: { stream: Stream; reloads: Reloads },
): Feed & { onRead(): void } {
  let later = new Set<Subscription>();
  let onRead = new Set<Subscription>();

  function continueAll(): void {
    const subscriptions = later;
    later = new Set();
    for (const subscription of subscriptions) subscription.catchUp();
  }

  return {
    stream,
    reload: reloads.request,
    reloadLater: reloads.requestLater,
    cancelReload: reloads.cancel,

    continueLater(subscription) {
      if (later.size === 0) setImmediate(continueAll);
      later.add(subscription);
    },

    continueOnRead(subscription) {
      onRead.add(subscription);
    },

    onRead() {
      if (onRead.size === 0) return;
      const subscriptions = onRead;
      onRead = new Set();
      for (const subscription of subscriptions) subscription.catchUp();
    },
  };
}

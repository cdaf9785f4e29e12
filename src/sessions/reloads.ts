/**
 * Lists that are fetched again, because a message says so (KAF3) or a client can't be told
 * otherwise that it missed something. Between `subscriptions`, which ask for them, and `backend`.
 */
import { getLogger } from "@logtape/logtape";
import type { Backend, ListRequest } from "../backend/backend.ts";
import type { FanOut } from "./fan_out.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { JsonText } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import type { Subscription } from "./subscription.ts";
import { createTurns } from "../util/time_slice.ts";

const logger = getLogger(["wss", "reloads"]);

/** Milliseconds after which a reload that failed is tried again; up to half as much again. */
const RETRY_MS = 5000;
/** What is used of a subscription. */
type Reloadable = Pick<
  Subscription,
  "list" | "subscriber" | "reloadStarted" | "reloaded" | "reloadByItself"
>;

/** Fetches lists again. */
export interface Reloads {
  /** Fetches a subscription's list, and tells it. */
  request(subscription: Reloadable): void;
  /** Has it ask again after some seconds. */
  requestLater(subscription: Reloadable): void;
  /** Takes a request back. */
  cancel(subscription: Reloadable): void;
  /** Its session has another token: a request that still waits goes with that. */
  renew(subscription: Reloadable): void;
  /** Reloads that run, wait, or are to be tried again. */
  readonly size: number;
}

/** One list to fetch, for all subscriptions for which it is the same request. */
interface Reload {
  readonly key: string;
  readonly list: ListRequest;
  readonly token: string | null;
  readonly abort: AbortController;
  readonly subscriptions: Set<Reloadable>;
}

/** Makes {@linkcode Reloads} of which at most `concurrency` run at once. */
export function createReloads(
  { backend, fanOut, concurrency, metrics }: {
    backend: Pick<Backend, "get" | "keyOf">;
    fanOut: Pick<FanOut, "finishing">;
    concurrency: number;
    metrics: Pick<Metrics, "reloads" | "reloadsShared">;
  },
): Reloads {
  /** In the order of their coming; a reload that is asked for while it waits is the same one. */
  const waiting = new Map<string, Reload>();
  const running = new Set<Reload>();
  const bySubscription = new Map<Reloadable, Reload>();
  const retries = new Map<Reloadable, ReturnType<typeof setTimeout>>();
  let startScheduled = false;

  /** Starts what may start, when all who are handed the same record have joined. */
  async function scheduleStart(): Promise<void> {
    if (startScheduled) return;
    startScheduled = true;
    // Only after this turn's part of it is there a promise of the rest.
    await Promise.resolve();
    await fanOut.finishing;
    startScheduled = false;
    for (const reload of waiting.values()) {
      if (running.size >= concurrency) return;
      waiting.delete(reload.key);
      running.add(reload);
      run(reload).finally(() => {
        running.delete(reload);
        scheduleStart();
      });
    }
  }

  async function run(reload: Reload): Promise<void> {
    for (const subscription of reload.subscriptions) subscription.reloadStarted();
    const list = await fetchList(reload);
    if (!reload.abort.signal.aborted) {
      metrics.reloads.inc({ outcome: list === null ? "failed" : "ok" });
    }
    const turn = createTurns();
    for (const subscription of reload.subscriptions) {
      await turn();
      // Taken back meanwhile.
      if (!reload.subscriptions.has(subscription)) continue;
      bySubscription.delete(subscription);
      subscription.reloaded(list);
    }
  }

  async function fetchList(
    { list, token, abort: { signal }, subscriptions }: Reload,
  ): Promise<JsonText | null> {
    let trouble: string;
    try {
      const { status, payload } = await backend.get(list, { token, signal });
      if (status === "ok") return payload;
      trouble = `it was answered ${status}`;
    } catch (error) {
      if (signal.aborted) return null;
      trouble = error instanceof CommandError ? error.message : String(error);
    }
    logger.warn("A reload for {subscriptions} subscriptions failed: {trouble}; is the API up?", {
      subscriptions: subscriptions.size,
      trouble,
    });
    return null;
  }

  function endRetry(subscription: Reloadable): void {
    clearTimeout(retries.get(subscription));
    retries.delete(subscription);
  }

  function request(subscription: Reloadable): void {
    endRetry(subscription);
    const { list, subscriber: { token } } = subscription;
    const key = backend.keyOf(list, token);
    let reload = waiting.get(key);
    if (!reload) {
      reload = { key, list, token, abort: new AbortController(), subscriptions: new Set() };
      waiting.set(key, reload);
      scheduleStart();
    } else {
      metrics.reloadsShared.inc();
    }
    reload.subscriptions.add(subscription);
    bySubscription.set(subscription, reload);
  }

  function cancel(subscription: Reloadable): void {
    endRetry(subscription);
    const reload = bySubscription.get(subscription);
    if (!reload) return;
    bySubscription.delete(subscription);
    reload.subscriptions.delete(subscription);
    if (reload.subscriptions.size > 0) return;
    if (waiting.get(reload.key) === reload) waiting.delete(reload.key);
    reload.abort.abort();
  }

  return {
    request,
    cancel,

    renew(subscription) {
      const reload = bySubscription.get(subscription);
      if (!reload || waiting.get(reload.key) !== reload) return;
      cancel(subscription);
      request(subscription);
    },

    requestLater(subscription) {
      endRetry(subscription);
      const retry = () => {
        retries.delete(subscription);
        subscription.reloadByItself();
      };
      retries.set(subscription, setTimeout(retry, RETRY_MS * (1 + Math.random() / 2)));
    },

    get size() {
      return waiting.size + running.size + retries.size;
    },
  };
}

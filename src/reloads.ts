/**
 * Lists that a Kafka message asks to be fetched again (KAF3). On the way of a message, between
 * `messages`, which asks for them, and `backend`.
 */
import { getLogger } from "@logtape/logtape";
import type { Backend, ListRequest } from "./backend.ts";
import { CommandError, pushFrame } from "./protocol.ts";
import type { Hold, Subscription } from "./subscriptions.ts";

const log = getLogger(["wss", "reloads"]);

/** Fetches lists again and pushes them. */
export interface Reloads {
  /** Asks for the list of a subscription again; `id` is the record's that says so (DEL4). */
  request(subscription: Subscription, id: string): void;
  /** Reloads that run or wait. */
  readonly size: number;
}

/** One list to fetch, for all sessions for which it is the same request. */
interface Reload {
  readonly key: string;
  readonly list: ListRequest;
  readonly token: string | null;
  readonly abort: AbortController;
  readonly holds: Map<Subscription, Hold>;
  /** The latest record that asked for it. */
  id: string;
}

/** Makes {@linkcode Reloads} of which at most `concurrency` run at once. */
export function createReloads(
  { backend, concurrency }: { backend: Pick<Backend, "get">; concurrency: number },
): Reloads {
  /** In the order of their coming; a reload that is asked for while it waits is the same one. */
  const waiting = new Map<string, Reload>();
  /** Of one key at most one runs: a list must not overtake a later one of its kind (DEL1). */
  const running = new Map<string, Reload>();
  let startScheduled = false;

  /** Starts what may start after this turn of the event loop, when all who share it have joined. */
  function scheduleStart(): void {
    if (startScheduled) return;
    startScheduled = true;
    queueMicrotask(() => {
      startScheduled = false;
      for (const reload of waiting.values()) {
        if (running.size >= concurrency) return;
        if (running.has(reload.key)) continue;
        waiting.delete(reload.key);
        running.set(reload.key, reload);
        run(reload).finally(() => {
          running.delete(reload.key);
          scheduleStart();
        });
      }
    });
  }

  async function run(reload: Reload): Promise<void> {
    const payload = await fetchList(reload);
    for (const [{ target }, hold] of reload.holds) {
      hold.release(
        payload && pushFrame(target.id, { status: "reload", payload, id: reload.id }),
      );
    }
  }

  async function fetchList({ list, token, abort, holds }: Reload) {
    try {
      const { status, payload } = await backend.get(list, { token, signal: abort.signal });
      if (status === "ok") return payload;
      log.warn("A reload for {sessions} sessions was answered {status}; they keep their list", {
        sessions: holds.size,
        status,
      });
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      log.warn("A reload for {sessions} sessions failed, they keep their list: {error}", {
        sessions: holds.size,
        error: error instanceof CommandError ? error.message : error,
      });
    }
    return undefined;
  }

  function drop(reload: Reload, subscription: Subscription): void {
    reload.holds.delete(subscription);
    if (reload.holds.size > 0) return;
    if (waiting.get(reload.key) === reload) waiting.delete(reload.key);
    reload.abort.abort();
  }

  return {
    request(subscription, id) {
      const { list, subscriber: { token } } = subscription;
      const key = JSON.stringify([list, token]);
      let reload = waiting.get(key);
      if (!reload) {
        reload = { key, list, token, abort: new AbortController(), holds: new Map(), id };
        waiting.set(key, reload);
        scheduleStart();
      }
      reload.id = id;
      const joined = reload;
      if (!joined.holds.has(subscription)) {
        joined.holds.set(subscription, subscription.hold(() => drop(joined, subscription)));
      }
    },

    get size() {
      return waiting.size + running.size;
    },
  };
}

/**
 * Fetches lists again: because a message says so (KAF3), or because a client that missed something
 * does not know `resync` (NET5). Stands between subscriptions, which ask for it, and the backend.
 */
import { getLogger } from "@logtape/logtape";
import type { Backend, Caller } from "../backend/backend.ts";
import { listOf, type ListParams } from "../backend/lists.ts";
import { FairQueue } from "../backend/places/fair_queue.ts";
import { type Holder, isBetter, Shares } from "../backend/places/shares.ts";
import type { FanOut } from "./fan_out.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { ListPlace } from "../outbox/list_room.ts";
import type { JsonText } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import type { Target } from "../protocol/target.ts";
import type { Subscription } from "./subscription.ts";
import { FRAME_COST, TimeSlice } from "../util/time_slice.ts";

const logger = getLogger(["wss", "reloads"]);

/**
 * Milliseconds until a failed reload is tried again, and up to half as many more at random. The wait
 * doubles with each failure in a row (BCK4).
 */
const RETRY_MS = 5000;
/** The longest wait, without what is added at random. */
const MAX_RETRY_MS = 300_000;

/** What a reload uses of a subscription. */
type Reloadable = Pick<
  Subscription,
  "target" | "list" | "subscriber" | "reloadStarted" | "reloaded" | "reloadByItself"
>;

/** One request for a list, shared by all subscriptions that wait for it. */
interface Reload {
  readonly key: string;
  readonly target: Target;
  readonly params: ListParams;
  /** The session that asked first; or one with a better place that joined while it waited (LIM7). */
  caller: Caller;
  /** The caller's. */
  readonly holder: Holder;
  readonly abort: AbortController;
  readonly subscriptions: Set<Reloadable>;
  /** The room that sessions have for the list (LIM8), once it is known not to be small. */
  readonly places: Map<Reloadable, ListPlace>;
  /** Up to which size no room is looked for. */
  roomBytes: number;
}

/** What {@linkcode Reloads} needs. */
export interface ReloadsOptions {
  readonly backend: Pick<Backend, "get">;
  readonly fanOut: Pick<FanOut, "finishing">;
  /** How many reloads may run at once. */
  readonly concurrency: number;
  readonly metrics: Pick<Metrics, "reloads" | "reloadsShared">;
}

/** Fetches the lists of subscriptions again, and hands them over. */
export class Reloads {
  readonly #options: ReloadsOptions;
  /** By request. */
  readonly #waiting = new Map<string, Reload>();
  readonly #queue = new FairQueue<Reload>();
  /** By request: while one runs, the next one waits, and all subscriptions that ask meanwhile join that. */
  readonly #running = new Map<string, Reload>();
  readonly #bySubscription = new Map<Reloadable, Reload>();
  /** Subscriptions whose list is fetched once their session has room for it. */
  readonly #withoutRoom = new Map<Reloadable, AbortController>();
  readonly #retries = new Map<Reloadable, ReturnType<typeof setTimeout>>();
  /** How often the reload of a subscription has failed in a row, if it will be tried again. */
  readonly #failures = new Map<Reloadable, number>();
  /** How many of the running reloads each session and address has (LIM7). */
  readonly #shares = new Shares();
  readonly #slice = new TimeSlice();
  #startScheduled = false;

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  /** How many reloads run, wait, or will be tried again. */
  get size(): number {
    return this.#waiting.size + this.#running.size + this.#retries.size + this.#withoutRoom.size;
  }

  /** Fetches a subscription's list. Afterwards, {@linkcode Subscription.reloaded} is called. */
  request(subscription: Reloadable): void {
    this.#endRetry(subscription);
    this.#join(subscription);
  }

  #join(subscription: Reloadable): Reload {
    const { target, list, subscriber } = subscription;
    // A schedule's list is fetched without a token (BCK2).
    const key = target.resource === "schedule" ? list.key : `${list.key} ${subscriber.token}`;
    const waiting = this.#waiting.get(key);
    const reload = waiting ?? this.#wait(key, subscription);
    if (waiting) {
      this.#options.metrics.reloadsShared.inc();
      this.#improve(waiting, subscriber.keptCaller(waiting.abort.signal));
    }
    reload.subscriptions.add(subscription);
    this.#bySubscription.set(subscription, reload);
    return reload;
  }

  /** Calls {@linkcode Subscription.reloadByItself} after some seconds, later with each failure. */
  requestLater(subscription: Reloadable): void {
    this.#endRetry(subscription);
    const failures = this.#failures.get(subscription) ?? 0;
    this.#failures.set(subscription, failures + 1);
    const waitMs = Math.min(RETRY_MS * 2 ** failures, MAX_RETRY_MS);
    const retry = () => {
      this.#retries.delete(subscription);
      subscription.reloadByItself();
    };
    this.#retries.set(subscription, setTimeout(retry, waitMs * (1 + Math.random() / 2)));
  }

  /** Ends what the two methods above began. */
  cancel(subscription: Reloadable): void {
    this.#endRetry(subscription);
    this.#failures.delete(subscription);
    this.#withoutRoom.get(subscription)?.abort();
    this.#withoutRoom.delete(subscription);
    this.#leave(subscription);
  }

  /** Takes a subscription out of its reload, which is given up if it has no other. */
  #leave(subscription: Reloadable): void {
    const reload = this.#bySubscription.get(subscription);
    if (!reload) return;
    this.#bySubscription.delete(subscription);
    reload.subscriptions.delete(subscription);
    reload.places.get(subscription)?.leave();
    reload.places.delete(subscription);
    if (reload.subscriptions.size > 0) return;
    if (this.#waiting.get(reload.key) === reload) this.#waiting.delete(reload.key);
    this.#queue.delete(reload);
    reload.abort.abort();
  }

  /** Gives a reload that still waits the new token of its session. */
  renew(subscription: Reloadable): void {
    const reload = this.#bySubscription.get(subscription);
    if (!reload || this.#waiting.get(reload.key) !== reload) return;
    this.cancel(subscription);
    this.request(subscription);
  }

  #wait(key: string, { target, list, subscriber }: Reloadable): Reload {
    const abort = new AbortController();
    const reload: Reload = {
      key,
      target,
      params: list.params,
      caller: subscriber.keptCaller(abort.signal),
      get holder() {
        return this.caller.holder;
      },
      abort,
      subscriptions: new Set(),
      places: new Map(),
      roomBytes: subscriber.outbox.lists.smallBytes,
    };
    this.#waiting.set(key, reload);
    this.#queue.add(reload);
    this.#scheduleStart();
    return reload;
  }

  /** Gives a reload that waits a better caller. */
  #improve(reload: Reload, caller: Caller): void {
    if (!isBetter(caller.holder, reload.holder)) return;
    this.#queue.delete(reload);
    reload.caller = caller;
    this.#queue.add(reload);
    this.#scheduleStart();
  }

  /** Starts as many reloads as may run, when all subscriptions of the same record have joined. */
  async #scheduleStart(): Promise<void> {
    if (this.#startScheduled) return;
    this.#startScheduled = true;
    // `finishing` is set only after the fan-out has delivered the first slice of the record.
    await Promise.resolve();
    await this.#options.fanOut.finishing;
    this.#startScheduled = false;
    for (let reload = this.#next(); reload; reload = this.#next()) this.#startNow(reload);
  }

  /** The reload that starts next, out of the queue. */
  #next(): Reload | undefined {
    const { concurrency } = this.#options;
    if (this.#running.size >= concurrency) return undefined;
    const maxOfGuests = Math.max(1, Math.floor(concurrency / 2));
    return this.#queue.take({
      shares: this.#shares,
      size: concurrency,
      // Else guests would keep users waiting while the schedule API does not answer.
      isOpenTo: (kind) => kind !== "guest" || this.#shares.guests < maxOfGuests,
      isBlocked: (reload) => this.#running.has(reload.key),
    });
  }

  #startNow(reload: Reload): void {
    const { holder } = reload;
    this.#waiting.delete(reload.key);
    this.#running.set(reload.key, reload);
    this.#shares.add(holder);
    this.#run(reload).finally(() => {
      this.#running.delete(reload.key);
      this.#shares.remove(holder);
      this.#scheduleStart();
    });
  }

  async #run(reload: Reload): Promise<void> {
    for (const subscription of reload.subscriptions) subscription.reloadStarted();
    const list = await this.#fetchList(reload);
    if (!reload.abort.signal.aborted) {
      this.#options.metrics.reloads.inc({ outcome: list === null ? "failed" : "ok" });
    }
    for (const subscription of reload.subscriptions) {
      const nextTurn = this.#slice.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      // Cancelled in the meantime.
      if (!reload.subscriptions.has(subscription)) continue;
      this.#bySubscription.delete(subscription);
      if (list !== null) this.#failures.delete(subscription);
      subscription.reloaded(list);
      reload.places.get(subscription)?.sent();
    }
  }

  /**
   * Finds room for the list in each session that it is for. Those without get it later, one list of a
   * session after another. Returns whether one is left.
   */
  #takes(reload: Reload, bytes: number): boolean {
    if (bytes > reload.roomBytes) {
      // The size of some lists is known bit by bit, and there may be many sessions.
      reload.roomBytes = 2 * bytes;
      for (const subscription of reload.subscriptions) {
        const place = reload.places.get(subscription) ??
          subscription.subscriber.outbox.lists.begin();
        reload.places.set(subscription, place);
        if (place.grow(bytes)) continue;
        this.#leave(subscription);
        this.#requestWithRoom(subscription);
      }
    }
    return reload.subscriptions.size > 0;
  }

  async #requestWithRoom(subscription: Reloadable): Promise<void> {
    const abort = new AbortController();
    const { signal } = abort;
    this.#withoutRoom.set(subscription, abort);
    const { lists } = subscription.subscriber.outbox;
    const place = await lists.enter({ signal, alone: true }).catch(() => null);
    if (!place) return;
    // The room is there, but the list is not wanted any more.
    if (signal.aborted) return place.leave();
    this.#withoutRoom.delete(subscription);
    this.#join(subscription).places.set(subscription, place);
  }

  /** The list; `null` if it could not be had. */
  async #fetchList(reload: Reload): Promise<JsonText | null> {
    const { target, params, caller, subscriptions } = reload;
    let trouble: string;
    try {
      const { status, payload } = await this.#options.backend.get(listOf(target, params), {
        ...caller,
        takes: (bytes) => this.#takes(reload, bytes),
      });
      if (status === "ok") return payload;
      trouble = `the answer was ${status}`;
    } catch (error) {
      if (caller.signal.aborted) return null;
      trouble = error instanceof CommandError ? error.message : String(error);
    }
    logger.warn("A reload for {subscriptions} subscriptions failed: {trouble}; is the API up?", {
      subscriptions: subscriptions.size,
      trouble,
    });
    return null;
  }

  #endRetry(subscription: Reloadable): void {
    clearTimeout(this.#retries.get(subscription));
    this.#retries.delete(subscription);
  }
}

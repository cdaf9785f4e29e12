/**
 * Fetches lists again: because a message says so (KAF3), or because a client that missed something
 * does not know `resync` (NET5). Asks for counts again (COUNT2). Stands between subscriptions, which ask
 * for it, and the backend.
 */
import { setImmediate } from "node:timers/promises";
import type { Backend, Caller } from "../backend/backend.ts";
import { FairQueue } from "../backend/places/fair_queue.ts";
import { isBetter, Shares } from "../backend/places/shares.ts";
import type { FanOut } from "./fan_out.ts";
import type { Metrics } from "../observe/metrics.ts";
import { fetchList, keyOf, type Reload, type Reloadable } from "./reloads/reload.ts";
import { Rests } from "./reloads/rests.ts";
import { Retries } from "./reloads/retries.ts";
import { FRAME_COST, TimeSlice } from "../util/time_slice.ts";

/** Milliseconds from one asking for a count to the next (COUNT2). */
const COUNT_REST_MS = 1000;
/** The most milliseconds for which a reload waits for further records, whose subscriptions join it. */
const MAX_JOIN_MS = 100;
/** What it costs of a time slice to start a reload: fetching takes as long as so many frames. */
const START_COST = 16 * FRAME_COST;

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
  /** How many of the running reloads each session and address has (LIM7). */
  readonly #shares = new Shares();
  readonly #queue = new FairQueue<Reload>(this.#shares);
  /** By request: while one runs, the next one waits, and all subscriptions that ask meanwhile join that. */
  readonly #running = new Map<string, Reload>();
  readonly #bySubscription = new Map<Reloadable, Reload>();
  /** Subscriptions whose list is fetched once their session has room for it. */
  readonly #withoutRoom = new Map<Reloadable, AbortController>();
  readonly #retries = new Retries<Reloadable>();
  /** By request: counts that were asked for within the last second. */
  readonly #rests = new Rests({
    periodMs: COUNT_REST_MS,
    onOver: (key) => {
      const waiting = this.#waiting.get(key);
      if (waiting) this.#enqueue(waiting);
    },
  });
  readonly #slice = new TimeSlice({ pauses: true });
  #startScheduled = false;

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  /** How many reloads run, wait, or will be tried again. */
  get size(): number {
    return this.#waiting.size + this.#running.size + this.#retries.size + this.#withoutRoom.size;
  }

  /** Fetches a subscription's list. Afterwards, {@linkcode Reloadable.reloaded} is called. */
  request(subscription: Reloadable): void {
    this.#retries.end(subscription);
    this.#join(subscription);
  }

  /** Notes that a command has asked for a count: it is not asked for again within a second. */
  asked(count: Reloadable): void {
    const key = keyOf(count);
    // A rest that has begun does not become longer. Else commands could put the next asking off for good.
    if (!this.#rests.has(key)) this.#rest(key);
  }

  #join(subscription: Reloadable): Reload {
    const { subscriber } = subscription;
    const key = keyOf(subscription);
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

  /** Calls {@linkcode Reloadable.reloadByItself} after some seconds, later with each failure. */
  requestLater(subscription: Reloadable): void {
    this.#retries.begin(subscription, () => subscription.reloadByItself());
  }

  /** Ends what {@linkcode request} and {@linkcode requestLater} began. */
  cancel(subscription: Reloadable): void {
    this.#retries.end(subscription);
    this.#retries.succeeded(subscription);
    this.#withoutRoom.get(subscription)?.abort();
    this.#withoutRoom.delete(subscription);
    this.#leave(subscription);
  }

  /** Ends what waits for a time. Call it when there are no sessions any more. */
  stop(): void {
    this.#rests.stop();
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
      list,
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
    this.#enqueue(reload);
    return reload;
  }

  /** Lets a reload that waits start, unless its key rests. */
  #enqueue(reload: Reload): void {
    if (this.#rests.has(reload.key)) return;
    this.#queue.add(reload);
    this.#scheduleStart();
  }

  #rest(key: string): void {
    this.#rests.begin(key);
    const waiting = this.#waiting.get(key);
    if (waiting) this.#queue.delete(waiting);
  }

  /** Gives a reload that waits a better caller. */
  #improve(reload: Reload, caller: Caller): void {
    if (!isBetter(caller.holder, reload.holder)) return;
    this.#queue.delete(reload);
    reload.caller = caller;
    this.#enqueue(reload);
  }

  /** Starts as many reloads as may run, when all subscriptions of the same records have joined. */
  async #scheduleStart(): Promise<void> {
    if (this.#startScheduled) return;
    this.#startScheduled = true;
    await this.#joined();
    while (this.#queue.size > 0 && this.#running.size < this.#options.concurrency) {
      const nextTurn = this.#slice.spend(START_COST);
      if (nextTurn) await nextTurn;
      const reload = this.#next();
      if (!reload) break;
      this.#startNow(reload);
    }
    this.#startScheduled = false;
  }

  /** Resolves when no record is being delivered, and none follows at once. */
  async #joined(): Promise<void> {
    const { fanOut } = this.#options;
    const until = performance.now() + MAX_JOIN_MS;
    // `finishing` is set only after the fan-out has delivered the first slice of the record.
    await Promise.resolve();
    while (fanOut.finishing && performance.now() < until) {
      await fanOut.finishing;
      await setImmediate();
    }
  }

  /** The reload that starts next, out of the queue. */
  #next(): Reload | undefined {
    const { concurrency } = this.#options;
    if (this.#running.size >= concurrency) return undefined;
    const maxOfGuests = Math.max(1, Math.floor(concurrency / 2));
    return this.#queue.take({
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
      if (reload.target.resource === "count") this.#rest(reload.key);
      this.#scheduleStart();
    });
  }

  async #run(reload: Reload): Promise<void> {
    for (const subscription of reload.subscriptions) subscription.reloadStarted();
    const list = await fetchList(reload, {
      backend: this.#options.backend,
      takes: (bytes) => this.#takes(reload, bytes),
    });
    if (!reload.abort.signal.aborted) {
      this.#options.metrics.reloads.inc({ outcome: list === null ? "failed" : "ok" });
    }
    for (const subscription of reload.subscriptions) {
      const nextTurn = this.#slice.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      // Cancelled in the meantime.
      if (!reload.subscriptions.has(subscription)) continue;
      this.#bySubscription.delete(subscription);
      if (list !== null) this.#retries.succeeded(subscription);
      subscription.reloaded(list);
      const place = reload.places.get(subscription);
      // Of a count, only the total is sent.
      if (reload.target.resource === "count") place?.leave();
      else place?.sent();
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
}

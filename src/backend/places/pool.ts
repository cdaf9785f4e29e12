/**
 * How many requests to one API run at the same time (BCK3), and who comes next if more are wanted
 * (LIM7). Each API has its own pool, so a slow API does not delay requests to the others.
 */
import { FairQueue } from "./fair_queue.ts";
import { type Holder, isBetter, Shares } from "./shares.ts";

/** What wants a place. Compared by identity. */
export interface PoolRequest {
  /** Aborted when it does not want the place any more. */
  readonly signal: AbortSignal;
}

/** The function that gives a place back, or why there is none. */
export type Entered = (() => void) | "full" | "aborted";

/** A request that waits for a place. */
interface Waiter {
  holder: Holder;
  readonly end: (outcome: "placed" | "full" | "aborted") => void;
}

/** From this size on, a tenth of the places is kept. A smaller pool has too few for that. */
const MIN_SIZE_TO_KEEP = 10;

/** Places for requests to one API, and a queue with as many places for requests that wait. */
export class Pool {
  readonly #size: number;
  /** How many places are for holders of the kind `kept` only. */
  readonly #kept: number;
  readonly #running = new Shares();
  readonly #queue = new FairQueue<Waiter>(this.#running);
  readonly #waiters = new Map<PoolRequest, Waiter>();

  constructor(size: number) {
    this.#size = size;
    this.#kept = size >= MIN_SIZE_TO_KEEP ? Math.floor(size / 10) : 0;
  }

  /** How many requests have a place. */
  get inUse(): number {
    return this.#running.total;
  }

  /** How many requests wait for a place. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Takes a place, or waits for one.
   *
   * @returns The function that gives the place back, or why there is no place; at once, if it need not
   * wait
   */
  enter(holder: Holder, request: PoolRequest): Entered | Promise<Entered> {
    if (request.signal.aborted) return "aborted";
    if (this.#isOpenTo(holder.kind)) {
      this.#running.add(holder);
      return () => this.#leave(holder);
    }
    if (!this.#makeRoomFor(holder)) return "full";
    return this.#wait(holder, request);
  }

  /** Called when another holder wants the same: if it is better, and the request waits, it gets it. */
  join(holder: Holder, request: PoolRequest): void {
    const waiter = this.#waiters.get(request);
    if (!waiter || !isBetter(holder, waiter.holder)) return;
    this.#queue.delete(waiter);
    waiter.holder = holder;
    this.#queue.add(waiter);
    this.#placeNext();
  }

  #isOpenTo(kind: Holder["kind"]): boolean {
    const { total, kept } = this.#running;
    if (kind === "kept") return total < this.#size;
    // Beyond the places that are kept, holders of the kind `kept` take those that are for all.
    return total - Math.min(kept, this.#kept) < this.#size - this.#kept;
  }

  #wait(holder: Holder, request: PoolRequest): Promise<Entered> {
    const { signal } = request;
    const { promise, resolve } = Promise.withResolvers<Entered>();
    const abort = () => waiter.end("aborted");
    const waiter: Waiter = {
      holder,
      end: (outcome) => {
        this.#queue.delete(waiter);
        this.#waiters.delete(request);
        signal.removeEventListener("abort", abort);
        resolve(outcome === "placed" ? () => this.#leave(waiter.holder) : outcome);
      },
    };
    this.#queue.add(waiter);
    this.#waiters.set(request, waiter);
    signal.addEventListener("abort", abort, { once: true });
    return promise;
  }

  #leave(holder: Holder): void {
    this.#running.remove(holder);
    this.#placeNext();
  }

  /** Hands a free place to the request that comes next. */
  #placeNext(): void {
    if (this.#queue.size === 0 || this.#running.total >= this.#size) return;
    const next = this.#queue.take({
      size: this.#size,
      keptFirst: this.#running.kept < this.#kept,
      isOpenTo: (kind) => this.#isOpenTo(kind),
    });
    if (!next) return;
    this.#running.add(next.holder);
    next.end("placed");
  }

  /**
   * Makes room in the queue. If it is full, a request leaves it: of guests, if they have more than
   * their part, or else of those who wait most often. Requests of the kind `kept` always have room: a
   * session has one revalidation at most, and reloads have a limit of their own.
   *
   * @returns False if there is no room
   */
  #makeRoomFor(holder: Holder): boolean {
    if (holder.kind === "kept" || this.#queue.shares.total < this.#size) return true;
    const leaving = this.#guestBeyondPart(holder) ?? this.#mostFrequent(holder);
    leaving?.end("full");
    return leaving !== undefined;
  }

  /**
   * The latest guest of the address that has most of them, if guests have more than their part. For
   * another guest, also if they have just half.
   */
  #guestBeyondPart({ kind, address }: Holder): Waiter | undefined {
    const queued = this.#queue.shares;
    const worst = queued.addressOfMostGuests;
    if (worst === undefined) return undefined;
    if (kind === "guest" && queued.guestsOf(worst) <= queued.guestsOf(address)) return undefined;
    const isBeyond = queued.guestsHaveMoreThanPart(worst, this.#size) ||
      (kind === "guest" && queued.guestsHaveHalf(this.#size));
    return isBeyond ? this.#queue.latestGuestOf(worst) : undefined;
  }

  /** The latest of the session, and then of the address, that waits more often than this holder. */
  #mostFrequent(holder: Holder): Waiter | undefined {
    if (this.#queue.shares.hasItsPart(holder, this.#size)) return undefined;
    return this.#queue.latestOfMoreThan(holder);
  }
}

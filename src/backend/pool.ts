/**
 * How many requests to one API run at the same time (BCK3), and who comes next if more are wanted
 * (LIM7). Each API has its own pool, so a slow API does not delay requests to the others.
 */
import { type Holder, Shares } from "./shares.ts";

/** A request that waits for a place. */
interface Waiter {
  readonly holder: Holder;
  readonly end: (outcome: "placed" | "full" | "aborted") => void;
}

/** From this size on, a tenth of the places is kept. A smaller pool has too few for that. */
const MIN_SIZE_TO_KEEP = 10;
/** From this size on, guests of one address do not get all places, even if nobody else waits. */
const MIN_SIZE_TO_LIMIT = 100;

/** Places for requests to one API, and a queue with as many places for requests that wait. */
export class Pool {
  readonly #size: number;
  /** Places for holders of the kind `kept` only. */
  readonly #kept: number;
  /** How many places guests of one address have at most, so that some are free for the next client. */
  readonly #maxOfAddress: number;
  readonly #running = new Shares();
  readonly #queued = new Shares();
  /** The oldest first. */
  readonly #waiting = new Set<Waiter>();

  constructor(size: number) {
    this.#size = size;
    this.#kept = size >= MIN_SIZE_TO_KEEP ? Math.floor(size / 10) : 0;
    this.#maxOfAddress = size >= MIN_SIZE_TO_LIMIT ? Math.ceil(size / 2) : size;
  }

  /** How many requests have a place. */
  get inUse(): number {
    return this.#running.total;
  }

  /** How many requests wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for a place.
   *
   * @returns The function that gives the place back, or why there is no place
   */
  async enter(holder: Holder, signal: AbortSignal): Promise<(() => void) | "full" | "aborted"> {
    if (signal.aborted) return "aborted";
    if (this.#isFreeFor(holder)) {
      this.#running.add(holder);
    } else {
      if (!this.#makeRoomFor(holder)) return "full";
      const outcome = await this.#wait(holder, signal);
      if (outcome !== "placed") return outcome;
    }
    return () => this.#leave(holder);
  }

  #isFreeFor({ kind, address }: Holder): boolean {
    const { total, kept } = this.#running;
    if (total >= this.#size) return false;
    if (kind === "kept") return true;
    if (total - kept >= this.#size - this.#kept) return false;
    return kind === "user" || this.#running.guestsOf(address) < this.#maxOfAddress;
  }

  #wait(holder: Holder, signal: AbortSignal): Promise<"placed" | "full" | "aborted"> {
    const { promise, resolve } = Promise.withResolvers<"placed" | "full" | "aborted">();
    const abort = () => waiter.end("aborted");
    const waiter: Waiter = {
      holder,
      end: (outcome) => {
        this.#waiting.delete(waiter);
        this.#queued.remove(holder);
        signal.removeEventListener("abort", abort);
        resolve(outcome);
      },
    };
    this.#waiting.add(waiter);
    this.#queued.add(holder);
    signal.addEventListener("abort", abort, { once: true });
    return promise;
  }

  /** Hands the place to the request that comes next, or frees it. */
  #leave(holder: Holder): void {
    this.#running.remove(holder);
    const next = this.#next();
    if (!next) return;
    this.#running.add(next.holder);
    next.end("placed");
  }

  /** The request that gets a free place. */
  #next(): Waiter | undefined {
    if (this.#waiting.size === 0 || this.#running.total >= this.#size) return undefined;
    let best: Waiter | undefined;
    let bestRank = Infinity;
    for (const waiter of this.#waiting) {
      if (!this.#isFreeFor(waiter.holder)) continue;
      // Only requests of the kind `kept` may have the last places, so that these come first.
      const rank = waiter.holder.kind === "kept"
        ? -1
        : this.#running.rankOf(waiter.holder, this.#size);
      if (rank < bestRank) [best, bestRank] = [waiter, rank];
    }
    return best;
  }

  /**
   * Makes room in the queue. If it is full, a guest's request leaves it, of the address that has most
   * of them, if guests have more than their part.
   *
   * @returns False if there is no room
   */
  #makeRoomFor({ kind, address }: Holder): boolean {
    if (this.#waiting.size < this.#size) return true;
    let victim: Waiter | undefined;
    let most = kind === "guest" ? this.#queued.guestsOf(address) + 1 : 0;
    for (const waiter of this.#waiting) {
      if (!this.#queued.hasItsPart(waiter.holder, this.#size)) continue;
      const guests = this.#queued.guestsOf(waiter.holder.address);
      // Of several requests, the latest one leaves.
      if (guests >= most) [victim, most] = [waiter, guests];
    }
    victim?.end("full");
    return victim !== undefined;
  }
}

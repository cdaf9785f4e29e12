/**
 * Long work in short slices, so that the event loop serves everything else in between.
 */
import { setImmediate, setTimeout } from "node:timers";
import { Fifo } from "./fifo.ts";

/**
 * The cost of a frame that is handed to the platform. The platform writes it at the end of the turn,
 * which takes longer than the work did. So a turn is bounded by the frames that it sends. Any other piece
 * of work that may send a frame, such as a record, costs the same.
 */
export const FRAME_COST = 16;
/** The cost of a message that is only kept, to go out in a frame with others. */
export const KEPT_COST = 1;

/** The most that the work of one turn of the event loop may cost: 128 frames, or 2,048 kept messages. */
const TURN_COST = 128 * FRAME_COST;
/** Milliseconds that the work of one turn may take: a request that arrives meanwhile waits so long. */
const TURN_MS = 5;
/** Work that pauses does so when the turns in which it went on have taken so many milliseconds. */
const PAUSE_AFTER_MS = 4;
/**
 * Milliseconds of a pause. It should be long enough for an API that is quick to answer: a request waits for
 * input more than once, for its frame and for the API's answer. If the work is idle for as long, that makes
 * up for a pause.
 */
const PAUSE_MS = 2;
/** The clock is read once for this cost. Reading it for each kept message would take too long. */
const COST_PER_LOOK = FRAME_COST;

/**
 * The part of each turn of the event loop that one kind of work may take. All work that shares a slice
 * shares that part, and all slices that have a clock share the time of a turn.
 */
export class TimeSlice {
  /** How many slices were begun in this turn. */
  static #sharers = 0;

  readonly #turnMs: number;
  readonly #pauses: boolean;
  /** Whether something was spent in this turn. */
  #isBegun = false;
  #startedAt = 0;
  /** When the last turn with work was over. */
  #endedAt = 0;
  /** Milliseconds of turns with work since the last pause, less those for which it was idle long enough. */
  #workedMs = 0;
  /** What may still be spent in this turn; negative if the turn is used up. */
  #left = 0;
  /** The clock is read when no more than this is left. */
  #nextLook = 0;
  /** Resolves in the next turn; only there if work waits for it. */
  #nextTurn: PromiseWithResolvers<void> | undefined;
  /** The cost of the work that waits. */
  #waitingCost = 0;

  /**
   * @param options.turnMs The milliseconds of a turn, 5 by default. If all pieces of the work take about
   * the same time, their cost is limit enough, and the clock need not be one: Infinity
   * @param options.pauses Whether the work pauses between turns; true for work that sends and asks little.
   * Deno looks for input and output once in 61 tasks (tokio's `event_interval`). Each frame and each fetch
   * is a task. A turn is one, too, however long it is, so requests would wait for many turns. Default: false
   */
  constructor(
    { turnMs = TURN_MS, pauses = false }: { turnMs?: number; pauses?: boolean } = {},
  ) {
    this.#turnMs = turnMs;
    this.#pauses = pauses;
  }

  /**
   * Takes the cost of a piece of work from the slice. Call it before the piece.
   *
   * @returns False if this turn is used up: the piece must not be done now, and costs nothing
   */
  take(cost: number): boolean {
    if (!this.#isBegun) this.#begin();
    this.#left -= cost;
    if (this.#left >= 0 && !this.#isTimeUp()) return true;
    this.#left = -1;
    return false;
  }

  /**
   * Takes the cost of a piece of work from the slice, as {@linkcode take} does, for work that waits.
   *
   * @returns `undefined` if the work may go on at once, else a promise of the next turn, which pays for
   * the piece
   */
  spend(cost: number): Promise<void> | undefined {
    if (this.take(cost)) return undefined;
    this.#waitingCost += cost;
    this.#nextTurn ??= Promise.withResolvers();
    return this.#nextTurn.promise;
  }

  #isTimeUp(): boolean {
    if (this.#turnMs === Infinity || this.#left > this.#nextLook) return false;
    this.#nextLook = this.#left - COST_PER_LOOK;
    return Date.now() - this.#startedAt >= this.#turnMs / TimeSlice.#sharers;
  }

  #begin(): void {
    this.#isBegun = true;
    TimeSlice.#sharers++;
    this.#startedAt = Date.now();
    const idleMs = this.#startedAt - this.#endedAt;
    this.#workedMs = Math.max(0, this.#workedMs - idleMs * PAUSE_AFTER_MS / PAUSE_MS);
    this.#left = TURN_COST;
    // The first frame of a turn has taken no time yet.
    this.#nextLook = TURN_COST - COST_PER_LOOK - 1;
    setImmediate(this.#end);
  }

  /** The turn is over. */
  readonly #end = (): void => {
    this.#endedAt = Date.now();
    // The whole turn, whatever else went on in it: so kinds of work that share turns pause together.
    this.#workedMs += this.#endedAt - this.#startedAt;
    TimeSlice.#sharers--;
    if (!this.#pauses || this.#workedMs < PAUSE_AFTER_MS) return this.#renew();
    this.#left = -1;
    setTimeout(this.#resume, PAUSE_MS);
  };

  readonly #resume = (): void => {
    this.#workedMs = 0;
    // Not at once: a turn in which timers fire and immediate callbacks run would have two slices.
    setImmediate(this.#renew);
  };

  readonly #renew = (): void => {
    this.#isBegun = false;
    const nextTurn = this.#nextTurn;
    if (!nextTurn) return;
    this.#nextTurn = undefined;
    this.#begin();
    this.#left -= this.#waitingCost;
    this.#waitingCost = 0;
    nextTurn.resolve();
  };
}

/** A piece of work. `work` must not throw. */
interface Piece {
  readonly cost: number;
  work(): void;
}

/**
 * Pieces of work, a time slice of which is done in each turn. Owners take turns, and those of one owner are
 * done in the order in which they came.
 */
export class SlicedQueue {
  readonly #slice = new TimeSlice({ pauses: true });
  readonly #maxCost: number;
  /** By owner; the one whose turn is next is in front. */
  readonly #waiting = new Map<object, Fifo<Piece>>();
  /** The cost of all that waits. */
  #cost = 0;
  #isRunning = false;

  /** @param options.maxCost The most that may wait, by its cost; but one piece always may */
  constructor({ maxCost }: { maxCost: number }) {
    this.#maxCost = maxCost;
  }

  /**
   * Does a piece of work at once, or in a later turn.
   *
   * @returns False if too much waits: it is not done. An owner of whom nothing waits gets in until it is
   * twice as much
   */
  add(owner: object, piece: Piece): boolean {
    if (this.#waiting.size === 0 && this.#slice.take(piece.cost)) {
      piece.work();
      return true;
    }
    const own = this.#waiting.get(owner);
    const maxCost = own ? this.#maxCost : 2 * this.#maxCost;
    if (this.#cost > 0 && this.#cost + piece.cost > maxCost) return false;
    this.#cost += piece.cost;
    if (own) own.push(piece);
    else this.#waiting.set(owner, new Fifo([piece]));
    if (!this.#isRunning) this.#run();
    return true;
  }

  /** Takes back what an owner has added and what was not done yet. */
  drop(owner: object): void {
    const own = this.#waiting.get(owner);
    for (; own?.first; own.shift()) this.#cost -= own.first.cost;
    this.#waiting.delete(owner);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      for (let next = this.#next; next; next = this.#next) {
        const [owner, own, piece] = next;
        const nextTurn = this.#slice.spend(piece.cost);
        if (nextTurn) await nextTurn;
        // Dropped meanwhile.
        if (own.first !== piece) continue;
        own.shift();
        this.#cost -= piece.cost;
        this.#waiting.delete(owner);
        if (own.length > 0) this.#waiting.set(owner, own);
        piece.work();
      }
    } finally {
      this.#isRunning = false;
      // After a defect, it goes on with the others.
      if (this.#waiting.size > 0) this.#run();
    }
  }

  get #next(): [owner: object, own: Fifo<Piece>, piece: Piece] | undefined {
    const [owner, own] = this.#waiting.entries().next().value ?? [];
    return owner && own?.first && [owner, own, own.first];
  }
}

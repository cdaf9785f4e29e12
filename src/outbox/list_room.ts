/**
 * Room for the lists of one client: those that are under way, and those that were sent and that the
 * client has not taken yet (LIM8). A list is everything that passes a backend's body on.
 */

/**
 * The part of MAX_BUFFERED_BYTES that a small list has at most. A list takes as much until its size is
 * known, so that those that a client usually asks for in one go are all under way at once.
 */
const SMALL_PART = 1 / 64;
/** The part of MAX_BUFFERED_BYTES that may be unsent when a large list is added. */
const UNSENT_PART = 1 / 4;

/** The part of an outbox that is used here. */
export interface ListOutbox {
  readonly unsentBytes: number;
  /** How much was queued so far, in UTF-16 units. */
  readonly handedUnits: number;
  whenCaughtUp(proceed: () => void): void;
}

/** A list that waits for room. */
interface Waiter {
  /** Whether it must be the only list. */
  readonly alone: boolean;
  readonly enter: (place: ListPlace) => void;
}

/** What the lists of one client take. */
export class ListRoom {
  readonly #outbox: ListOutbox;
  readonly #maxBytes: number;
  readonly #waiting = new Set<Waiter>();
  /** What the lists under way take together. */
  #bytes = 0;
  /** How many of them are not small. */
  #large = 0;
  /** The size of the latest list: the next one is expected to be as large. */
  #expected = 0;
  /** What the outbox had been handed when it was handed the latest list. */
  #latestAt = -Infinity;
  #isWatching = false;

  /** @param maxBytes MAX_BUFFERED_BYTES */
  constructor(outbox: ListOutbox, maxBytes: number) {
    this.#outbox = outbox;
    this.#maxBytes = maxBytes;
  }

  /** The size up to which a list is small, in bytes. */
  get smallBytes(): number {
    return this.#maxBytes * SMALL_PART;
  }

  /** What the lists under way take, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many lists wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for room for a list, behind all that wait already. Rejects with the signal's reason.
   *
   * @param options.alone Whether it must be the only list, because it is large
   */
  async enter(
    { signal, alone }: { readonly signal: AbortSignal; readonly alone: boolean },
  ): Promise<ListPlace> {
    signal.throwIfAborted();
    if (this.#waiting.size === 0 && this.#fits(0, this.#needed(alone))) return this.#place(alone);
    const { promise, resolve, reject } = Promise.withResolvers<ListPlace>();
    const waiter = { alone, enter: resolve };
    const abort = () => {
      this.#waiting.delete(waiter);
      reject(signal.reason);
    };
    this.#waiting.add(waiter);
    signal.addEventListener("abort", abort, { once: true });
    this.#proceed();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Adds a list that is under way already; it takes nothing until its size is known. */
  begin(): ListPlace {
    return new ListPlace(this, { reserved: 0, isAlone: false });
  }

  /**
   * Gives a list under way another size, if there is room; for {@linkcode ListPlace}.
   *
   * @param options.isAlone Whether it was let in as the only list: then it has room, however large it is
   */
  resize(from: number, to: number, { isAlone }: { isAlone: boolean }): boolean {
    this.#expected = to;
    if (!isAlone && !this.#fits(from, to)) return false;
    this.#take(from, to);
    return true;
  }

  /** Takes a list out; for {@linkcode ListPlace}. */
  leave(from: number): void {
    this.#take(from, 0);
    this.#proceed();
  }

  /** Notes that a list was handed to the outbox just now; for {@linkcode ListPlace}. */
  sent(bytes: number): void {
    this.#expected = bytes;
    this.#latestAt = this.#outbox.handedUnits;
  }

  /** Whether the client has not taken all lists yet. Of what is unsent, the oldest is taken first. */
  get #hasUnsent(): boolean {
    const { unsentBytes, handedUnits } = this.#outbox;
    return unsentBytes > handedUnits - this.#latestAt;
  }

  /** Whether there is room for a list of a size that had another one before; 0 if it is new. */
  #fits(from: number, to: number): boolean {
    const { unsentBytes } = this.#outbox;
    if (this.#bytes - from + to + unsentBytes <= this.#maxBytes) return true;
    if (this.#large > this.#largeOf(from)) return false;
    return unsentBytes <= this.#maxBytes * UNSENT_PART || !this.#hasUnsent;
  }

  #take(from: number, to: number): void {
    this.#bytes += to - from;
    this.#large += this.#largeOf(to) - this.#largeOf(from);
  }

  #largeOf(bytes: number): 0 | 1 {
    return bytes > this.smallBytes ? 1 : 0;
  }

  /** What a new list takes. */
  #needed(alone: boolean): number {
    if (alone) return this.#maxBytes;
    return Math.min(Math.max(this.#expected, this.smallBytes), this.#maxBytes);
  }

  #place(alone: boolean): ListPlace {
    const bytes = this.#needed(alone);
    this.#take(0, bytes);
    return new ListPlace(this, { reserved: bytes, isAlone: alone });
  }

  /** Lets lists in that wait, as far as there is room. */
  #proceed(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(0, this.#needed(waiter.alone))) break;
      this.#waiting.delete(waiter);
      waiter.enter(this.#place(waiter.alone));
    }
    if (this.#waiting.size === 0 || this.#isWatching) return;
    this.#isWatching = true;
    this.#outbox.whenCaughtUp(() => {
      this.#isWatching = false;
      this.#proceed();
    });
  }
}

/** The room of one list, from before it is asked for until it was handed to the outbox. */
export class ListPlace {
  readonly #room: ListRoom;
  readonly #isAlone: boolean;
  /** What it takes: at least its size, as far as that is known. */
  #reserved: number;
  /** Its size, as far as it is known. */
  #bytes = 0;
  #hasLeft = false;

  constructor(
    room: ListRoom,
    { reserved, isAlone }: { readonly reserved: number; readonly isAlone: boolean },
  ) {
    this.#room = room;
    this.#reserved = reserved;
    this.#isAlone = isAlone;
  }

  /** Notes that the list has so many bytes, or more. Without room for them, it leaves, and gives false. */
  grow(bytes: number): boolean {
    if (this.#hasLeft) return false;
    this.#bytes = Math.max(this.#bytes, bytes);
    if (bytes <= this.#reserved) return true;
    const hasRoom = this.#room.resize(this.#reserved, bytes, { isAlone: this.#isAlone });
    if (hasRoom) this.#reserved = bytes;
    else this.leave();
    return hasRoom;
  }

  /** Ends it, as the list was handed to the outbox. */
  sent(): void {
    if (this.#hasLeft) return;
    this.#room.sent(this.#bytes);
    this.leave();
  }

  /** Ends it; further calls change nothing. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#room.leave(this.#reserved);
  }
}

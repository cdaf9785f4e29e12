/**
 * Who holds how many places of a pool, or of its queue (LIM7).
 */

/** For whom a request is sent. */
export interface Holder {
  /** The session that asks, or the upgrade that will become one. Compared by identity. */
  readonly asker: object;
  /** The address of its client. */
  readonly address: string;
  /**
   * `guest` for guests and for logins that are not done. `kept` for revalidations, and for reloads of
   * users who are logged in: places are kept for these.
   */
  readonly kind: "guest" | "user" | "kept";
}

const RANKS = { guest: 0, user: 1, kept: 2 };

/** Whether the first one is served before the second one. */
export function isBetter(one: Holder, other: Holder): boolean {
  return RANKS[one.kind] > RANKS[other.kind];
}

/** More than there can be. */
const MAX_PLACES = 2 ** 20;

/** Counts by holder. */
export class Shares {
  readonly #byAsker = new Map<object, number>();
  readonly #byAddress = new Map<string, number>();
  readonly #guestsByAddress = new Map<string, number>();
  readonly #watchers: ((holder: Holder) => void)[] = [];
  #total = 0;
  #kept = 0;
  #guests = 0;

  /** All places that are held. */
  get total(): number {
    return this.#total;
  }

  /** Those of the kind `kept`. */
  get kept(): number {
    return this.#kept;
  }

  /** Places of one asker. */
  of(asker: object): number {
    return this.#byAsker.get(asker) ?? 0;
  }

  /** Places of one address. */
  ofAddress(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }

  /** Places of the guests of one address. */
  guestsOf(address: string): number {
    return this.#guestsByAddress.get(address) ?? 0;
  }

  /** Those of all guests. */
  get guests(): number {
    return this.#guests;
  }

  /** The address whose guests have most. */
  get addressOfMostGuests(): string | undefined {
    let found: string | undefined;
    let most = 0;
    for (const [address, count] of this.#guestsByAddress) {
      if (count >= most) [found, most] = [address, count];
    }
    return found;
  }

  /** Whether guests get more of `size` places only if nobody else waits. */
  guestsHaveHalf(size: number): boolean {
    return this.#guests >= size / 2;
  }

  /** Whether a guest gets more only if nobody else waits: guests have half, or its address a tenth. */
  hasItsPart({ kind, address }: Pick<Holder, "kind" | "address">, size: number): boolean {
    return kind === "guest" &&
      (this.guestsHaveHalf(size) || this.guestsOf(address) >= partOfAddress(size));
  }

  /** Whether guests have more than half, or those of the address more than a tenth. */
  guestsHaveMoreThanPart(address: string, size: number): boolean {
    return this.#guests > size / 2 || this.guestsOf(address) > partOfAddress(size);
  }

  /** The lowest gets a free place: the asker that holds fewest, and then the address. */
  rankOf({ asker, address }: Holder): number {
    return this.of(asker) * MAX_PLACES + this.ofAddress(address);
  }

  /** Whether the first one comes before the second one, also with one more place. */
  isBeforeWithOneMore(one: Holder, other: Holder): boolean {
    return this.rankOf(one) + MAX_PLACES + 1 < this.rankOf(other);
  }

  /** Calls a function after each change, with the holder whose count has changed. */
  watch(onChange: (holder: Holder) => void): void {
    this.#watchers.push(onChange);
  }

  add(holder: Holder): void {
    this.#count(holder, 1);
  }

  remove(holder: Holder): void {
    this.#count(holder, -1);
  }

  #count(holder: Holder, change: 1 | -1): void {
    const { asker, address, kind } = holder;
    this.#total += change;
    adjust(this.#byAsker, asker, change);
    adjust(this.#byAddress, address, change);
    if (kind === "kept") this.#kept += change;
    if (kind === "guest") {
      this.#guests += change;
      adjust(this.#guestsByAddress, address, change);
    }
    for (const onChange of this.#watchers) onChange(holder);
  }
}

function partOfAddress(size: number): number {
  return Math.max(1, Math.floor(size / 10));
}

function adjust<K>(counts: Map<K, number>, key: K, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/**
 * Who comes next, and who has to go, of all that wait for places (LIM7). A choice looks at a few of
 * them only, however many wait.
 */
import { Line } from "./line.ts";
import { Ranking } from "./ranking.ts";
import { type Holder, Shares } from "./shares.ts";

type Kind = Holder["kind"];

/** Who may have a free place. */
export interface Choice<W> {
  /** How many places there are. */
  readonly size: number;
  /** Whether one of the places that are kept is free. */
  readonly keptFirst?: boolean;
  /** Whether any holder of this kind may have the place. */
  isOpenTo(kind: Kind): boolean;
  /** Whether this one has to wait for something else. True for a few only. Default: none has to. */
  isBlocked?(waiter: W): boolean;
}

/** Those who wait, of each kind in the order in which they get places. Equal kinds take turns. */
export class FairQueue<W extends { readonly holder: Holder }> {
  /** Who holds the places. */
  readonly #held: Shares;
  /** What had its turn is moved to the end. */
  readonly #lanes: Map<Kind, Ranking<W>>;
  /** Guests by address, the latest last. */
  readonly #guests = new Map<string, Line<W>>();
  readonly #members = new Set<W>();
  /** Who waits how often. Those of the kind `kept` are left out. */
  readonly shares = new Shares();
  /** Those whom `shares` counts. */
  readonly #counted = new Ranking<W>(this.shares);

  /** @param held Who holds the places. It must count who takes one, and who gives one back */
  constructor(held: Shares) {
    this.#held = held;
    this.#lanes = new Map(
      (["kept", "user", "guest"] as const).map((kind) => [kind, new Ranking<W>(held)]),
    );
  }

  get size(): number {
    return this.#members.size;
  }

  has(waiter: W): boolean {
    return this.#members.has(waiter);
  }

  add(waiter: W): void {
    const { holder } = waiter;
    this.#members.add(waiter);
    this.#lanes.get(holder.kind)?.add(waiter);
    if (holder.kind === "kept") return;
    this.shares.add(holder);
    this.#counted.add(waiter);
    if (holder.kind !== "guest") return;
    const guests = this.#guests.get(holder.address) ?? new Line<W>();
    guests.add(waiter);
    this.#guests.set(holder.address, guests);
  }

  /** Takes one out. Its holder must be the one with whom it was added. */
  delete(waiter: W): void {
    if (!this.#members.delete(waiter)) return;
    const { holder } = waiter;
    this.#lanes.get(holder.kind)?.delete(waiter);
    if (holder.kind === "kept") return;
    this.#counted.delete(waiter);
    this.shares.remove(holder);
    const guests = this.#guests.get(holder.address);
    guests?.delete(waiter);
    if (guests?.size === 0) this.#guests.delete(holder.address);
  }

  /** Takes out the one that gets a free place. */
  take(choice: Choice<W>): W | undefined {
    const next = this.#choose(choice);
    if (!next) return undefined;
    this.delete(next);
    moveToEnd(this.#lanes, next.holder.kind);
    return next;
  }

  /**
   * The latest of the asker, and then of the address, that waits most often; `undefined` if this holder
   * would wait as often with one more.
   */
  latestOfMoreThan(holder: Holder): W | undefined {
    const last = this.#counted.last();
    return last && this.shares.isBeforeWithOneMore(holder, last.holder) ? last : undefined;
  }

  /** The latest guest of the address. */
  latestGuestOf(address: string): W | undefined {
    return this.#guests.get(address)?.last;
  }

  #choose(choice: Choice<W>): W | undefined {
    const { size, keptFirst } = choice;
    const held = this.#held;
    if (keptFirst) {
      const kept = this.#firstOf("kept", choice);
      if (kept) return kept;
    }
    let best: W | undefined;
    let bestRank = Infinity;
    for (const kind of this.#lanes.keys()) {
      if (kind === "guest" && held.guestsHaveHalf(size)) continue;
      const waiter = this.#firstOf(
        kind,
        choice,
        (address) => !held.hasItsPart({ kind, address }, size),
      );
      const rank = waiter ? held.rankOf(waiter.holder) : Infinity;
      if (rank < bestRank) [best, bestRank] = [waiter, rank];
    }
    return best ?? this.#firstOf("guest", choice);
  }

  #firstOf(
    kind: Kind,
    { isOpenTo, isBlocked }: Choice<W>,
    takesAddress: (address: string) => boolean = () => true,
  ): W | undefined {
    if (!isOpenTo(kind)) return undefined;
    return this.#lanes.get(kind)?.first({
      takesAddress,
      takes: (waiter) => !isBlocked?.(waiter),
    });
  }
}

function moveToEnd<K, V>(map: Map<K, V>, key: K): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}

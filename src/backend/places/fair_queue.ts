/**
 * Who comes next, and who has to go, of all that wait for places (LIM7). A choice looks at a few of
 * them only, however many wait.
 */
import { type Holder, Shares } from "./shares.ts";

/** How many of those at the front are compared. */
const COMPARED = 16;

type Kind = Holder["kind"];
/** What waits of one asker, the oldest first. */
type ByAsker<W> = Map<object, Set<W>>;

/** Who may have a free place. */
export interface Choice<W> {
  /** Who holds the places, and how many there are. */
  readonly shares: Shares;
  readonly size: number;
  /** Whether one of the places that are kept is free. */
  readonly keptFirst?: boolean;
  /** Whether any holder of this kind may have the place. */
  isOpenTo(kind: Kind): boolean;
  /** Whether this one has to wait for something else. True for a few only. Default: none has to. */
  isBlocked?(waiter: W): boolean;
}

/**
 * Those who wait. Users take turns by session; guests take turns by address, and those of an address
 * by session.
 */
export class FairQueue<W extends { readonly holder: Holder }> {
  /** Users by asker, guests by address. What had its turn is moved to the end, on each level. */
  readonly #lanes = new Map<Kind, Map<unknown, ByAsker<W>>>([
    ["kept", new Map()],
    ["user", new Map()],
    ["guest", new Map()],
  ]);
  /** Guests by address, the latest last, with some who do not wait any more. */
  readonly #latest = new Map<string, W[]>();
  readonly #members = new Set<W>();
  /** Who waits how often. */
  readonly shares = new Shares();

  get size(): number {
    return this.#members.size;
  }

  has(waiter: W): boolean {
    return this.#members.has(waiter);
  }

  add(waiter: W): void {
    const { holder } = waiter;
    this.#members.add(waiter);
    this.shares.add(holder);
    const lane = this.#laneOf(holder.kind);
    const key = keyOf(holder);
    const turns = lane.get(key) ?? new Map<object, Set<W>>();
    lane.set(key, turns);
    turns.set(holder.asker, (turns.get(holder.asker) ?? new Set()).add(waiter));
    if (holder.kind === "guest") this.#noteLatest(waiter);
  }

  /** Takes one out. Its holder must be the one with whom it was added. */
  delete(waiter: W): void {
    if (!this.#members.delete(waiter)) return;
    const { holder } = waiter;
    this.shares.remove(holder);
    const lane = this.#laneOf(holder.kind);
    const turns = lane.get(keyOf(holder));
    const own = turns?.get(holder.asker);
    own?.delete(waiter);
    if (own?.size === 0) turns?.delete(holder.asker);
    if (turns?.size === 0) lane.delete(keyOf(holder));
    if (this.shares.guestsOf(holder.address) === 0) this.#latest.delete(holder.address);
  }

  /** Takes out the one that gets a free place. */
  take(choice: Choice<W>): W | undefined {
    const next = this.#choose(choice);
    if (!next) return undefined;
    this.delete(next);
    const { kind, asker } = next.holder;
    const lane = this.#laneOf(kind);
    const turns = lane.get(keyOf(next.holder));
    if (turns) moveToEnd(turns, asker);
    moveToEnd(lane, keyOf(next.holder));
    moveToEnd(this.#lanes, kind);
    return next;
  }

  /** The latest guest of the address. */
  latestGuestOf(address: string): W | undefined {
    const latest = this.#latest.get(address);
    let last = latest?.at(-1);
    while (last && !this.#isGuest(last)) {
      latest?.pop();
      last = latest?.at(-1);
    }
    return last;
  }

  #choose(choice: Choice<W>): W | undefined {
    const { shares, size } = choice;
    if (choice.keptFirst) {
      const kept = this.#bestOf("kept", choice, () => true);
      if (kept) return kept;
    }
    let best: W | undefined;
    let bestRank = Infinity;
    for (const kind of this.#lanes.keys()) {
      if (kind === "guest" && shares.guestsHaveHalf(size)) continue;
      const waiter = this.#bestOf(kind, choice, (holder) => !shares.hasItsPart(holder, size));
      const rank = waiter ? shares.rankOf(waiter.holder) : Infinity;
      if (rank < bestRank) [best, bestRank] = [waiter, rank];
    }
    return best ?? this.#bestOf("guest", choice, () => true);
  }

  /** The best of the first few of this kind, first by their turns, then among those of the same turn. */
  #bestOf(kind: Kind, choice: Choice<W>, fits: (holder: Holder) => boolean): W | undefined {
    if (!choice.isOpenTo(kind)) return undefined;
    const { isBlocked } = choice;
    const isFree = (waiter: W) => !isBlocked?.(waiter);
    const firstOfEach = this.#laneOf(kind).values()
      .filter((turns) => {
        const any = firstOf(turns.values().flatMap((own) => own));
        return any !== undefined && fits(any.holder);
      })
      .flatMap((turns) => optional(firstOf(turns.values().flatMap((own) => own).filter(isFree))));
    const chosen = lowest(firstOfEach, choice.shares);
    const turns = chosen && this.#laneOf(kind).get(keyOf(chosen.holder));
    if (turns === undefined || turns.size === 1) return chosen;
    const ofEachAsker = turns.values().flatMap((own) =>
      optional(firstOf(own.values().filter(isFree)))
    );
    return lowest(ofEachAsker, choice.shares);
  }

  #noteLatest(waiter: W): void {
    const { address } = waiter.holder;
    const latest = this.#latest.get(address) ?? [];
    latest.push(waiter);
    const isMostlyGone = latest.length > 2 * this.shares.guestsOf(address) + COMPARED;
    this.#latest.set(address, isMostlyGone ? latest.filter((one) => this.#isGuest(one)) : latest);
  }

  #isGuest(waiter: W): boolean {
    return this.#members.has(waiter) && waiter.holder.kind === "guest";
  }

  #laneOf(kind: Kind): Map<unknown, ByAsker<W>> {
    const lane = this.#lanes.get(kind);
    if (!lane) throw new Error(`Nobody of the kind ${kind} can wait`);
    return lane;
  }
}

function keyOf({ kind, asker, address }: Holder): unknown {
  return kind === "guest" ? address : asker;
}

/** The one whose asker, and then whose address, holds fewest, of the first few. */
function lowest<W extends { readonly holder: Holder }>(
  waiters: Iterator<W, unknown> & Iterable<W>,
  shares: Shares,
): W | undefined {
  let best: W | undefined;
  let bestRank = Infinity;
  let compared = 0;
  for (const waiter of waiters) {
    const rank = shares.rankOf(waiter.holder);
    if (rank < bestRank) [best, bestRank] = [waiter, rank];
    if (++compared === COMPARED) break;
  }
  return best;
}

function firstOf<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}

function optional<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}

function moveToEnd<K, V>(map: Map<K, V>, key: K): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}

/**
 * The order in which those who wait get places (LIM7): first by how many the asker holds, then by how
 * many its address holds. Equal addresses take turns, and equal askers of one address, too.
 */
import { Line } from "./line.ts";
import type { Holder, Shares } from "./shares.ts";

/** What waits of one asker, the oldest first. */
interface Group<W> {
  readonly holder: Holder;
  readonly waiters: Line<W>;
  /** Where it stands; none while it moves. */
  tie: Tie<W> | null;
}

/** Askers of one address that hold equally many. */
interface Tie<W> {
  readonly address: string;
  readonly held: number;
  rank: number;
  readonly groups: Line<Group<W>>;
}

/** Which of those who wait may be chosen. */
export interface Filter<W> {
  /** Whether those of an address may be chosen. */
  readonly takesAddress: (address: string) => boolean;
  readonly takes: (waiter: W) => boolean;
}

/**
 * Those who wait, by their rank. It follows each change of the shares, so a choice does not look at
 * those who come later.
 */
export class Ranking<W extends { readonly holder: Holder }> {
  readonly #shares: Shares;
  /** By asker and address. */
  readonly #groups = new Map<object, Map<string, Group<W>>>();
  /** By address, and by how many the askers hold. */
  readonly #ties = new Map<string, Map<number, Tie<W>>>();
  readonly #byRank = new Map<number, Line<Tie<W>>>();
  /** The keys of `#byRank`, in ascending order. How many there can be depends on the places alone. */
  readonly #ranks: number[] = [];

  constructor(shares: Shares) {
    this.#shares = shares;
    shares.watch((holder) => this.#update(holder));
  }

  add(waiter: W): void {
    const { asker, address } = waiter.holder;
    const own = childOf(this.#groups, asker);
    let group = own.get(address);
    if (!group) {
      group = { holder: waiter.holder, waiters: new Line(), tie: null };
      own.set(address, group);
      this.#insert(group);
    }
    group.waiters.add(waiter);
  }

  /** Takes one out. Its holder must be the one with whom it was added. */
  delete(waiter: W): void {
    const { asker, address } = waiter.holder;
    const group = this.#groups.get(asker)?.get(address);
    if (!group?.waiters.delete(waiter) || group.waiters.size > 0) return;
    this.#remove(group);
    deleteChild(this.#groups, asker, address);
  }

  /** The one that comes first, of those that may be chosen. */
  first({ takesAddress, takes }: Filter<W>): W | undefined {
    for (const rank of this.#ranks) {
      for (const { address, groups } of this.#byRank.get(rank) ?? []) {
        if (!takesAddress(address)) continue;
        for (const { waiters } of groups) {
          for (const waiter of waiters) if (takes(waiter)) return waiter;
        }
      }
    }
    return undefined;
  }

  /** The latest of those that come last. */
  last(): W | undefined {
    return this.#byRank.get(this.#ranks.at(-1) ?? 0)?.last?.groups.last?.waiters.last;
  }

  #update({ asker, address }: Holder): void {
    for (const group of this.#groups.get(asker)?.values() ?? []) {
      this.#remove(group);
      this.#insert(group);
    }
    for (const tie of this.#ties.get(address)?.values() ?? []) {
      const rank = this.#rankOf(tie);
      if (rank === tie.rank) continue;
      this.#removeTie(tie);
      tie.rank = rank;
      this.#insertTie(tie);
    }
  }

  #insert(group: Group<W>): void {
    const { asker, address } = group.holder;
    const held = this.#shares.of(asker);
    const ties = childOf(this.#ties, address);
    let tie = ties.get(held);
    if (!tie) {
      tie = { address, held, rank: this.#shares.rankOf(group.holder), groups: new Line() };
      ties.set(held, tie);
      this.#insertTie(tie);
    }
    tie.groups.add(group);
    group.tie = tie;
  }

  #remove(group: Group<W>): void {
    const { tie } = group;
    if (!tie) return;
    group.tie = null;
    tie.groups.delete(group);
    if (tie.groups.size > 0) return;
    this.#removeTie(tie);
    deleteChild(this.#ties, tie.address, tie.held);
  }

  #rankOf({ groups, rank }: Tie<W>): number {
    return groups.first ? this.#shares.rankOf(groups.first.holder) : rank;
  }

  #insertTie(tie: Tie<W>): void {
    const { rank } = tie;
    const equal = this.#byRank.get(rank) ?? new Line<Tie<W>>();
    equal.add(tie);
    if (equal.size > 1) return;
    this.#byRank.set(rank, equal);
    this.#ranks.splice(lowerBound(this.#ranks, rank), 0, rank);
  }

  #removeTie(tie: Tie<W>): void {
    const equal = this.#byRank.get(tie.rank);
    equal?.delete(tie);
    if (equal?.size !== 0) return;
    this.#byRank.delete(tie.rank);
    this.#ranks.splice(lowerBound(this.#ranks, tie.rank), 1);
  }
}

function childOf<K, L, V>(parents: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const child = parents.get(key) ?? new Map<L, V>();
  parents.set(key, child);
  return child;
}

function deleteChild<K, L, V>(parents: Map<K, Map<L, V>>, key: K, childKey: L): void {
  const child = parents.get(key);
  child?.delete(childKey);
  if (child?.size === 0) parents.delete(key);
}

/** The index of the first number that is not below the given one; `length` if there is none. */
function lowerBound(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? Infinity) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

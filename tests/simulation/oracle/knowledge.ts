/**
 * What a client knows of one subscription, by what it got: pushes, lists, and cursors from which it has
 * resumed. Everything that it is owed must come once and in order, or a list covers it, or a `resync`
 * says that it is missing.
 */
import type { Item, Target } from "./targets.ts";

/** Something that a rule forbids has happened. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** Something after whose number a list is due. */
type Debt = Pick<Item, "g" | "isGone">;

/** Knowledge of a subscription, as a cursor stands for it. */
export class Knowledge {
  readonly target: Target;
  /** The latest list has everything that was written before this number. */
  listed = 0;
  /** What was written before this number may be missing: a `resync` has said so. */
  #excused = 0;
  /** By partition: everything before this index of what is owed is known, or among the debts. */
  #next: number[] = [];
  /** What only a list can still bring. */
  #debts: Debt[] = [];
  /** By partition: the index of the latest push on this connection. */
  #latest: number[] = [];
  /** By partition: what comes before this index came on an earlier connection, and must not come again. */
  #had: number[] = [];
  /** The number of the newest push on this connection. */
  #newest = -1;

  constructor(target: Target) {
    this.target = target;
  }

  /** What is known now, to resume from later. */
  clone(): Knowledge {
    const copy = new Knowledge(this.target);
    copy.listed = this.listed;
    copy.#excused = this.#excused;
    copy.#next = this.#next.slice();
    copy.#debts = this.#debts.length === 0 ? [] : this.#debts.slice();
    return copy;
  }

  /** Adds what is known from elsewhere, as a cursor stands for it. */
  add(other: Knowledge): void {
    const mine = this.#debts.filter((debt) => !other.#includes(debt));
    const others = other.#debts.filter((debt) => !this.#includes(debt));
    this.#debts = [...new Set([...mine, ...others])];
    this.listed = Math.max(this.listed, other.listed);
    this.#excused = Math.max(this.#excused, other.#excused);
    for (const [p, next] of other.#next.entries()) {
      this.#next[p] = Math.max(next ?? 0, this.#next[p] ?? 0);
    }
  }

  #includes(debt: Debt): boolean {
    if (debt.g < this.listed) return true;
    if (!("partition" in debt) || this.#debts.includes(debt)) return false;
    const { partition, g } = debt as Item;
    return indexFrom(this.target.of(partition), g) < (this.#next[partition] ?? 0);
  }

  /** @param options.isStrict Whether what came until the cursor did must not come again */
  resumed({ isStrict }: { isStrict: boolean }): Knowledge {
    const copy = this.clone();
    if (isStrict) copy.#had = this.#next.slice();
    return copy;
  }

  /**
   * Takes a push.
   *
   * @param options.isStrict Whether a gap must have been told before
   * @param options.isOwed Whether the client is still subscribed for sure
   */
  push(item: Item, { isStrict, isOwed }: { isStrict: boolean; isOwed: boolean }): void {
    const { g, partition: p } = item;
    const owed = this.target.of(p);
    const index = indexFrom(owed, g);
    if (owed[index] !== item) throw new Violation(`${nameOf(item)} is not for ${this.target.key}`);
    if (!isOwed) return;
    if (index <= (this.#latest[p] ?? -1)) {
      throw new Violation(`${nameOf(item)} came after ${nameOf(owed[this.#latest[p] ?? 0])}`);
    }
    // An instance that does not know of a cut yet may still push what was cut; a `resync` follows.
    if (index < (this.#had[p] ?? 0) && !item.isGone) {
      throw new Violation(`${nameOf(item)} came again, though the cursor was behind it`);
    }
    this.#settle(p, index, { isStrict, at: nameOf(item) });
    this.#latest[p] = index;
    this.#next[p] = Math.max(index + 1, this.#next[p] ?? 0);
    this.#newest = Math.max(this.#newest, g);
  }

  /** Takes a list that has everything that was written before a number. */
  list(upTo: number): void {
    if (this.#newest >= upTo) {
      throw new Violation(`a list up to #${upTo} came after the push #${this.#newest}`);
    }
    if (this.listed > upTo) {
      throw new Violation(`a list up to #${upTo} came after one up to #${this.listed}`);
    }
    this.listed = upTo;
    const settled = this.#debts.filter(({ g }) => g < upTo);
    // In place of a `resync`: it begins anew, and may get again what it has from elsewhere (DEL2).
    if (settled.some((debt) => !("partition" in debt))) this.#had = [];
    this.#debts = this.#debts.filter(({ g }) => g >= upTo);
  }

  /** Begins with a later page of a list: what was written before a number is not owed. */
  begin(upTo: number): void {
    this.#excused = upTo;
  }

  /** Takes a `resync`: everything that was written until now may be missing. */
  resync(now: number): void {
    this.#excused = now;
    // It begins anew: it may get again what it has from elsewhere.
    this.#had = [];
    this.#next = [];
  }

  /** Notes that a list or a `resync` is due, as its instance was told of a loss. */
  owe(now: number): void {
    this.#debts.push({ g: now - 0.5, isGone: false });
  }

  /** What is missing; `null` if nothing is. */
  missing(): string | null {
    for (const [p, owed] of this.target.owed.entries()) {
      try {
        if (owed) this.#settle(p, owed.length, { isStrict: true, at: "the end" });
      } catch (error) {
        if (error instanceof Violation) return error.message;
        throw error;
      }
    }
    const debt = this.#debts.find(({ g, isGone }) => g >= this.listed && !isGone);
    return debt ? `no list has come after #${debt.g}` : null;
  }

  /** Whether another item that wants a list is still to come, or if it is not known for whom an item is. */
  #expectsReload({ g, partition, to }: Item): boolean {
    return to.by === "unknown" || this.target.owed.some((owed, p) => {
      const from = p === partition ? indexFrom(owed, g + 1) : this.#next[p] ?? 0;
      return owed.slice(from).some(({ isUpdate, isGone }) => !isUpdate && !isGone);
    });
  }

  /** Goes on to an index of what is owed of a partition: everything before it must be known. */
  #settle(p: number, index: number, { isStrict, at }: { isStrict: boolean; at: string }): void {
    const owed = this.target.of(p);
    const covered = Math.max(this.listed, this.#excused);
    let next = this.#next[p] ?? 0;
    if (next < index && (owed[next] as Item).g < covered) {
      next = Math.min(index, indexFrom(owed, covered));
    }
    for (; next < index; next++) {
      const item = owed[next] as Item;
      if (item.isGone || item.g < covered) continue;
      // A reload may be left out only if another one that is still to come brings the list.
      if (isStrict && (item.isUpdate || !this.#expectsReload(item))) {
        throw new Violation(`${nameOf(item)} was left out before ${at}, for ${this.target.key}`);
      }
      this.#debts.push(item);
    }
    this.#next[p] = next;
  }
}

function nameOf(item: Item | undefined): string {
  return item ? `#${item.g} (${item.partition}-${item.offset})` : "nothing";
}

/** The index of the first item that was not written before a number. */
function indexFrom(items: readonly Item[], g: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle] as Item).g >= g) high = middle;
    else low = middle + 1;
  }
  return low;
}

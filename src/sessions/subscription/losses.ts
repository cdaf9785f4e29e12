/**
 * Losses on their way to all subscriptions. There may be a million of these, so a loss is only noted at
 * first. Each subscription takes it before anything else happens to it, at the latest in a time slice that
 * goes over all.
 */
import { cursorInFrontOf, isBehind, type Loss } from "../../log/loss.ts";
import { ReadPosition } from "../../log/read_position.ts";
import type { Entry } from "../../log/window.ts";
import {
  behindOf,
  type Debt,
  debtWithoutResync,
  ENDED,
  hasResyncDue,
  isListUnderWay,
  type LossKind,
  type LossNews,
  type SubscriptionState,
} from "./state.ts";

/** The losses that not every subscription has taken yet. */
export class LossQueue {
  #count = 0;
  /** The latest one is the last. */
  #news: LossNews[] = [];

  /** How many losses there were. */
  get count(): number {
    return this.#count;
  }

  /** Adds a loss. Many that are owed take no more room than one. */
  add(kind: LossKind, loss: Loss): void {
    const latest = this.#news.at(-1);
    const joined = kind === "owed" && latest?.kind === "owed" ? latest : null;
    if (joined) this.#news.pop();
    const [from, to] = [loss.before.positions, loss.after.positions];
    const before = joined?.before ?? from;
    // Without what was read in between.
    const after = joined ? to.map((end, p) => end === from[p] ? joined.after[p] ?? end : end) : to;
    const cursor = joined?.ofLive.cursor ?? cursorInFrontOf(loss);
    const ofLive = { cursor, list: null, resyncFor: loss.seq };
    this.#news.push({ kind, number: ++this.#count, loss, before, after, ofLive });
  }

  /** The losses for a subscription that has taken this many, the oldest first. */
  after(count: number): LossNews[] {
    return this.#news.filter(({ number }) => number > count);
  }

  /** Forgets losses, as every subscription has taken this many. */
  forget(count: number): void {
    this.#news = this.after(count);
  }
}

/** The part of a subscription that a loss changes. */
interface Losing {
  readonly state: SubscriptionState;
  readonly debt: Debt | null;
  /** The record in delivery, if the subscription is live and has not got it. */
  readonly undelivered: Entry | null;
}

/** What becomes of a subscription by a loss. If the state is `lost`, it has to proceed later. */
export function afterLoss(before: Losing, news: LossNews): Losing {
  const { state, debt } = before;
  if (state === ENDED) return before;
  switch (news.kind) {
    case "told":
      return lose(before, news.loss, { cursorOfLive: news.ofLive.cursor });
    case "owed":
      return { ...before, debt: debtAfter(news, before) };
    case "due":
      if (!debt || !hasResyncDue(debt) || isListUnderWay(state)) return before;
      return lose(before, news.loss, { cursorOfLive: debt.cursor });
  }
}

/** What comes next does not follow what came before. */
function lose(
  { state, debt, undelivered }: Losing,
  loss: Loss,
  { cursorOfLive }: { cursorOfLive: string },
): Losing {
  const behind = behindOf(state)?.position;
  const position = behind ?? new ReadPosition(loss.before);
  if (undelivered) position.goBackTo(undelivered);
  const cursor = behind ? cursorInFrontOf(loss, behind) : cursorOfLive;
  position.lose(loss, debt?.cursor ?? cursor);
  return {
    state: isListUnderWay(state) ? state : { state: "lost", position, why: loss.why },
    debt: debtWithoutResync(debt),
    undelivered: null,
  };
}

/** The debt with a loss of which the client is told later. */
function debtAfter(
  { loss, before, after, ofLive }: LossNews,
  { state, debt }: Losing,
): Debt | null {
  const position = behindOf(state)?.position;
  const ends = { before: { positions: before }, after: { positions: after } };
  if (position && isBehind(ends, position)) return debt;
  if (debt) return { ...debt, resyncFor: loss.seq };
  return position ? { ...ofLive, cursor: cursorInFrontOf(loss, position) } : ofLive;
}

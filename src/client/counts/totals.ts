/**
 * The number of a user's notifications, which is told again whenever it is another one (COUNT2).
 */
import type { Frame } from "../frame.ts";
import type { Inbox, Totals } from "../inbox.ts";
import { Subscription } from "../subscription.ts";

/** What the service answers and pushes. */
interface Total {
  readonly total: number;
}

/** A subscription to a count. Each total takes the place of those that wait, as a list does. */
export class CountSubscription extends Subscription {
  override pushed(frame: Frame): void {
    // A place in the log has no total.
    if (frame.status !== "live") super.pushed({ ...frame, status: "reload" });
  }

  /** A count has no place in the log. */
  override servedUpTo(): void {}
}

/** Makes the numbers of a subscription. A number that equals the one before is left out. */
export function totalsOf(changes: Inbox): Totals {
  let told: number | undefined;
  return {
    async next() {
      for (;;) {
        const { value, done } = await changes.next();
        if (done) return { value, done };
        const { total } = (value as { readonly items: Total }).items;
        if (total !== told) return { value: told = total, done: false };
      }
    },
    async return() {
      await changes.return?.();
      return { value: undefined, done: true };
    },
    close: () => changes.close(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

import { assert, assertEquals } from "@std/assert";
import { FairQueue } from "../../../src/backend/places/fair_queue.ts";
import { type Holder, Shares } from "../../../src/backend/places/shares.ts";
import { holder } from "../../_support/sessions/caller.ts";

/** Counts what a choice looks at. */
class CountedShares extends Shares {
  steps = 0;

  override rankOf(holder: Holder): number {
    this.steps++;
    return super.rankOf(holder);
  }

  override hasItsPart(holder: Holder, size: number): boolean {
    this.steps++;
    return super.hasItsPart(holder, size);
  }
}

/** Takes all, each with a place, and returns the most steps of one choice. */
function stepsOf(holders: readonly Holder[], size: number): number {
  const queue = new FairQueue<{ holder: Holder }>();
  for (const holder of holders) queue.add({ holder });
  const shares = new CountedShares();
  const running: Holder[] = [];
  let most = 0;
  for (;;) {
    shares.steps = 0;
    const next = queue.take({ shares, size, isOpenTo: () => true });
    most = Math.max(most, shares.steps);
    if (!next) break;
    shares.add(next.holder);
    running.push(next.holder);
    const first = running.length > size ? running.shift() : undefined;
    if (first) shares.remove(first);
  }
  assertEquals([queue.size, queue.shares.total], [0, 0]);
  return most;
}

Deno.test("[LIM7] a choice looks at a few of those who wait, however many wait", () => {
  const count = 5000;
  const make = (one: (i: number) => Holder) => Array.from({ length: count }, (_, i) => one(i));
  const addresses = make((i) => holder(`10.0.${i >> 8}.${i & 255}`));
  const one = make(() => holder("10.0.0.1"));
  const users = make((i) => holder(`10.1.${i >> 8}.${i & 255}`, i % 2 ? "user" : "kept"));
  for (const holders of [addresses, one, users, [...one, ...addresses, ...users]]) {
    for (const size of [10, 19, 1000]) {
      const steps = stepsOf(holders, size);
      assert(steps > 0 && steps < 200, `${steps} steps`);
    }
  }
});

Deno.test("[LIM7] the latest guest of an address is found, also after others are gone", () => {
  const queue = new FairQueue<{ holder: Holder }>();
  const waiters = Array.from({ length: 100 }, () => ({ holder: holder("10.0.0.1") }));
  for (const waiter of waiters) queue.add(waiter);
  for (const waiter of waiters.slice(50)) queue.delete(waiter);

  assertEquals(queue.latestGuestOf("10.0.0.1"), waiters[49]);
  for (const waiter of waiters) queue.delete(waiter);
  assertEquals(queue.latestGuestOf("10.0.0.1"), undefined);
});

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FairQueue } from "../../../src/backend/places/fair_queue.ts";
import { type Holder, Shares } from "../../../src/backend/places/shares.ts";
import { holder } from "../../_support/sessions/caller.ts";

/** Counts what a choice looks at, and what a change of the shares does. */
class CountedShares extends Shares {
  steps = 0;

  override rankOf(holder: Holder): number {
    this.steps++;
    return super.rankOf(holder);
  }

  override hasItsPart(holder: Pick<Holder, "kind" | "address">, size: number): boolean {
    this.steps++;
    return super.hasItsPart(holder, size);
  }
}

/** Takes all, each with a place, and returns the most steps of one choice and its changes. */
function stepsOf(holders: readonly Holder[], size: number): number {
  const shares = new CountedShares();
  const queue = new FairQueue<{ holder: Holder }>(shares);
  for (const holder of holders) {
    queue.add({
      get holder() {
        shares.steps++;
        return holder;
      },
    });
  }
  const running: Holder[] = [];
  let most = 0;
  for (;;) {
    shares.steps = 0;
    const next = queue.take({ size, isOpenTo: () => true });
    if (!next) break;
    shares.add(next.holder);
    running.push(next.holder);
    const first = running.length > size ? running.shift() : undefined;
    if (first) shares.remove(first);
    most = Math.max(most, shares.steps);
  }
  assertEquals([queue.size, queue.shares.total], [0, 0]);
  return most;
}

Deno.test("[LIM7] a choice looks at a few of those who wait, however many wait", () => {
  const count = 5000;
  const make = (one: (i: number) => Holder) => Array.from({ length: count }, (_, i) => one(i));
  const addresses = make((i) => holder(`10.0.${i >> 8}.${i & 255}`));
  const one = make(() => holder("10.0.0.1"));
  const sessions = make(() => holder("10.0.0.1", "user"));
  const requests = make((i) => sessions[i % 300] ?? holder());
  const users = make((i) => holder(`10.1.${i >> 8}.${i & 255}`, i % 2 ? "user" : "kept"));
  const all = [...one, ...sessions, ...requests, ...addresses, ...users];
  for (const holders of [addresses, one, sessions, requests, users, all]) {
    for (const size of [10, 19, 1000]) {
      const steps = stepsOf(holders, size);
      assert(steps > 0 && steps < 200, `${steps} steps`);
    }
  }
});

Deno.test("[LIM7] the latest guest of an address is found, also after others are gone", () => {
  const queue = new FairQueue<{ holder: Holder }>(new Shares());
  const waiters = Array.from({ length: 100 }, () => ({ holder: holder("10.0.0.1") }));
  for (const waiter of waiters) queue.add(waiter);
  for (const waiter of waiters.slice(50)) queue.delete(waiter);

  assertEquals(queue.latestGuestOf("10.0.0.1"), waiters[49]);
  for (const waiter of waiters) queue.delete(waiter);
  assertEquals(queue.latestGuestOf("10.0.0.1"), undefined);
});

Deno.test("[LIM7] of all that wait, the one whose session, and then whose address, holds fewest gets the place", () => {
  const SIZE = 20;
  const kind = fc.constantFrom("guest", "user", "kept");
  const step = fc.oneof(
    fc.record({ add: fc.record({ asker: fc.nat(39), kind }) }),
    fc.record({ take: fc.constant(true) }),
    fc.record({ giveBack: fc.nat() }),
    fc.record({ leave: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
      const held = new Shares();
      const queue = new FairQueue<{ holder: Holder }>(held);
      const askers = Array.from({ length: 40 }, () => ({}));
      const running: Holder[] = [];
      const waiting: { holder: Holder }[] = [];
      for (const step of steps) {
        if ("add" in step) {
          const { asker, kind } = step.add;
          const address = `10.0.0.${asker % 7}`;
          const waiter = { holder: { asker: askers[asker] ?? {}, address, kind } as Holder };
          waiting.push(waiter);
          queue.add(waiter);
        } else if ("giveBack" in step) {
          const [holder] = running.splice(step.giveBack % Math.max(1, running.length), 1);
          if (holder) held.remove(holder);
        } else if ("leave" in step) {
          const [waiter] = waiting.splice(step.leave % Math.max(1, waiting.length), 1);
          if (waiter) queue.delete(waiter);
        } else if (running.length < SIZE) {
          const inPart = waiting.filter(({ holder }) => !held.hasItsPart(holder, SIZE));
          const lowest = Math.min(
            ...(inPart.length > 0 ? inPart : waiting).map(({ holder }) => held.rankOf(holder)),
          );
          const next = queue.take({ size: SIZE, isOpenTo: () => true });
          assertEquals(next ? held.rankOf(next.holder) : Infinity, lowest);
          if (!next) continue;
          const { asker, kind } = next.holder;
          const oldest = waiting.find(({ holder }) =>
            holder.asker === asker && holder.kind === kind
          );
          assert(next === oldest, "a newer request of the same session comes first");
          waiting.splice(waiting.indexOf(next), 1);
          running.push(next.holder);
          held.add(next.holder);
        }
        assertEquals(queue.size, waiting.length);
      }
    }),
  );
});

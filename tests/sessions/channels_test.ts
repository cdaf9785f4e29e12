import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Addressees } from "../../src/log/addressing.ts";
import { notificationTarget, scheduleTarget, type Target } from "../../src/protocol/target.ts";
import { Channels } from "../../src/sessions/channels.ts";
import type { Subscription } from "../../src/sessions/subscription.ts";

// Together with a number, some of these look like the key of another user and type.
const USERS = ["4", "42", "4 2", "t4", ""];
const TYPES = ["t", "t4", "4", " ", "", ...Array.from({ length: 9 }, (_, i) => `type ${i}`)];

const target: fc.Arbitrary<Target> = fc.oneof(
  fc.record({
    userId: fc.constantFrom(...USERS),
    types: fc.uniqueArray(fc.constantFrom(...TYPES), { maxLength: TYPES.length }),
  }).map(notificationTarget),
  fc.constantFrom(1, 2).map((from) => scheduleTarget({ from, to: 3, timezone: "UTC" })),
);

/** Subscriptions that come and go. */
const changes = fc.array(fc.record({ target, isGone: fc.boolean() }), { maxLength: 30 });

function addressees(targets: readonly Target[]): Addressees[] {
  return [
    ...USERS.flatMap((user) => TYPES.map((type) => ({ by: "user", user, type }) as const)),
    { by: "resource", resource: "schedule" },
    { by: "subscription", ids: [...new Set(targets.map(({ id }) => id)), "unknown"] },
  ];
}

/** Whether a message is for a target, in the words of the protocol (KAF2, KAF3, KAF4). */
function isAddressed(to: Addressees, target: Target): boolean {
  switch (to.by) {
    case "subscription":
      return to.ids.includes(target.id);
    case "resource":
      return target.resource === to.resource;
    case "user": {
      if (target.resource !== "notification" || target.where.userId !== to.user) return false;
      const { types } = target.where;
      return types.length === 0 || types.includes(to.type);
    }
  }
}

Deno.test("[KAF2][KAF3][KAF4] a message finds the subscriptions that it is for, and no others, however many a user has", () => {
  fc.assert(fc.property(changes, (changes) => {
    const channels = new Channels();
    const all = changes.map(({ target }) => ({ target }) as Subscription);
    for (const subscription of all) channels.add(subscription);
    const left = all.filter((_, i) => !changes[i]?.isGone);
    for (const subscription of all) if (!left.includes(subscription)) channels.remove(subscription);

    for (const to of addressees(all.map(({ target }) => target))) {
      const found = channels.addressedBy(to);
      const list = Array.isArray(found) ? found.flatMap(({ members }) => [...members]) : [found];
      const expected = left.filter(({ target }) => isAddressed(to, target));
      assertEquals(new Set(list), new Set(expected));
      assertEquals(list.length, expected.length);
    }
    for (const subscription of left) channels.remove(subscription);
    assert(channels.keyCount === 0, `${channels.keyCount} keys are left`);
  }));
});

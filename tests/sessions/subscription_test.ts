/**
 * Subscriptions against a simple model, with random sequences of all events: each client has in the end
 * everything that was published, each update at most once and in order, and no cursor skips anything.
 */
import fc from "fast-check";
import { type Event, events, World } from "../_support/sessions/world.ts";

/** Bytes of about eight records. */
const SMALL_WINDOW = 3000;
const maxBytes = fc.constantFrom(SMALL_WINDOW, 1_000_000);

Deno.test("[DEL1][DEL2][DEL3][DEL13][KAF9] whatever happens, each client gets everything, in order, and none of it twice", async () => {
  await fc.assert(
    fc.asyncProperty(maxBytes, events, async (maxBytes, events) => {
      const world = new World(maxBytes);
      for (const event of events) {
        await world.happen(event);
        world.check();
      }
      await world.settle();
      const causes: Event["what"][] = [
        "lose",
        "cut",
        "replace",
        "set aside",
        "fail reloads",
      ];
      const isLossless = maxBytes > SMALL_WINDOW &&
        !events.some(({ what }) => causes.includes(what));
      if (isLossless) world.checkNothingLost();
    }),
    { numRuns: 200 },
  );
});

import { assert, assertEquals } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import { setImmediate } from "node:timers/promises";
import { FRAME_COST, KEPT_COST, SlicedQueue, TimeSlice } from "../../src/util/time_slice.ts";

/** How many pieces of work may be done before the next turn; at most so many are tried. */
function piecesOf(slice: TimeSlice, { cost, most = 5000 }: { cost: number; most?: number }) {
  for (let pieces = 0; pieces < most; pieces++) if (slice.spend(cost)) return pieces;
  return most;
}

Deno.test("a time slice has room for 128 frames or 2,048 kept messages in each turn", async () => {
  const clock = FakeTimers.install({ toFake: ["Date"] });
  try {
    for (const [cost, expected] of [[FRAME_COST, 128], [KEPT_COST, 2048]] as const) {
      const slice = new TimeSlice();
      assertEquals(piecesOf(slice, { cost }), expected);
      await slice.spend(cost);
      // The next turn pays for the two pieces that waited.
      assertEquals(piecesOf(slice, { cost }), expected - 2);
      await setImmediate();
      await setImmediate();
    }
  } finally {
    clock.uninstall();
  }
});

Deno.test("all work of one turn shares a time slice, and a turn without work renews it", async () => {
  const slice = new TimeSlice({ turnMs: Infinity });
  assertEquals(piecesOf(slice, { cost: FRAME_COST, most: 100 }), 100);
  assertEquals(piecesOf(slice, { cost: FRAME_COST, most: 28 }), 28);
  await setImmediate();
  assertEquals(piecesOf(slice, { cost: FRAME_COST, most: 128 }), 128);
  assert(slice.spend(FRAME_COST));
});

Deno.test("a time slice is over after 5 ms, unless it has no clock", async () => {
  const clock = FakeTimers.install({ toFake: ["Date"] });
  try {
    const [timed, untimed] = [new TimeSlice(), new TimeSlice({ turnMs: Infinity })];
    for (const slice of [timed, untimed]) {
      assertEquals(piecesOf(slice, { cost: FRAME_COST, most: 1 }), 1);
    }
    clock.tick(5);
    assert(timed.spend(FRAME_COST));
    assertEquals(untimed.spend(FRAME_COST), undefined);
    await timed.spend(FRAME_COST);
  } finally {
    clock.uninstall();
  }
});

Deno.test("work that waits for a time slice goes on in the order in which it came", async () => {
  const slice = new TimeSlice({ turnMs: Infinity });
  piecesOf(slice, { cost: FRAME_COST });
  const order: number[] = [];
  await Promise.all([1, 2, 3].map(async (n) => {
    await slice.spend(FRAME_COST);
    order.push(n);
  }));
  assertEquals(order, [1, 2, 3]);
});

Deno.test("a sliced queue does pieces in order, as many in a turn as there is room for, or one", async () => {
  const clock = FakeTimers.install({ toFake: ["Date"] });
  try {
    const queue = new SlicedQueue();
    const done: string[] = [];
    const turns: string[] = [];
    const costs = { a: 1000, b: 1000, c: 1000, d: 5000, e: 1000 };
    for (const [name, cost] of Object.entries(costs)) queue.add(cost, () => done.push(name));

    for (let seen = 0; seen < 5;) {
      if (done.length > seen) turns.push(done.slice(seen).join(""));
      seen = done.length;
      await setImmediate();
    }

    assertEquals(turns, ["ab", "c", "d", "e"]);
  } finally {
    clock.uninstall();
  }
});

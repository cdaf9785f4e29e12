import { assert, assertEquals } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import { setImmediate } from "node:timers/promises";
import { FRAME_COST, KEPT_COST, SlicedQueue, TimeSlice } from "../../src/util/time_slice.ts";
import { openInput } from "../_support/network/input.ts";

/** How many pieces of work may be done before the next turn; at most so many are tried. */
function piecesOf(slice: TimeSlice, { cost, most = 5000 }: { cost: number; most?: number }) {
  for (let pieces = 0; pieces < most; pieces++) if (slice.spend(cost)) return pieces;
  return most;
}

/** Does some work that takes so long, as `performance.now()` has it. */
function workFor(ms: number): void {
  for (const startedAt = performance.now(); performance.now() - startedAt < ms;);
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
    const queue = new SlicedQueue({ maxCost: 8000 });
    const done: string[] = [];
    const turns: string[] = [];
    const costs = { a: 1000, b: 1000, c: 1000, d: 5000, e: 1000 };
    for (const [name, cost] of Object.entries(costs)) {
      queue.add(queue, { cost, work: () => done.push(name) });
    }

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

Deno.test("work that pauses lets the platform look for input every few turns", async () => {
  using input = await openInput();
  const slice = new TimeSlice({ pauses: true });
  let isDone = false;
  let turns = 0;
  const working = (async () => {
    for (; !isDone; turns++) {
      await slice.spend(1000 * FRAME_COST);
      workFor(1);
    }
  })();

  const ROUNDS = 10;
  for (let i = 0; i < ROUNDS; i++) await input.read();
  isDone = true;
  await working;

  assert(turns < 25 * ROUNDS, `${turns} turns for ${ROUNDS} reads`);
});

Deno.test("kinds of work that go on in the same turn share its time", async () => {
  const clock = FakeTimers.install({ toFake: ["Date"] });
  try {
    const slices = Array.from({ length: 5 }, () => new TimeSlice());
    const pieces = slices.map(() => 0);
    let isDone = false;
    const working = slices.map(async (slice, i) => {
      while (!isDone) {
        await slice.spend(FRAME_COST);
        clock.tick(1);
        pieces[i] = (pieces[i] ?? 0) + 1;
      }
    });
    // In the first turn, a kind that begins does not know of those that follow.
    await setImmediate();
    await setImmediate();
    const before = [...pieces];

    await setImmediate();
    isDone = true;

    assertEquals(pieces.map((own, i) => own - (before[i] ?? 0)), Array(5).fill(1));
    await Promise.all(working);
  } finally {
    clock.uninstall();
  }
});

Deno.test("kinds of work that go on in the same turn pause together after it", async () => {
  const clock = FakeTimers.install({ toFake: ["Date"] });
  try {
    const slices = Array.from({ length: 3 }, () => new TimeSlice({ pauses: true }));
    for (const slice of slices) assert(slice.take(FRAME_COST));
    clock.tick(4);
    await setImmediate();

    const waiting = slices.map((slice) => slice.spend(FRAME_COST));

    assertEquals(waiting.map((promise) => promise !== undefined), [true, true, true]);
    await Promise.all(waiting);
  } finally {
    clock.uninstall();
  }
});

Deno.test("between long turns of work that pauses, others have many turns", async () => {
  const slice = new TimeSlice({ pauses: true });
  const PIECES = 10;
  let pieces = 0;
  let turns = 0;
  const working = (async () => {
    for (; pieces < PIECES; pieces++) {
      await slice.spend(1000 * FRAME_COST);
      workFor(5);
    }
  })();

  for (; pieces < PIECES; turns++) await setImmediate();
  await working;

  assert(turns > 5 * PIECES, `${turns} turns for ${PIECES} pieces`);
});

Deno.test("work that comes piece by piece pauses, too", async () => {
  const queue = new SlicedQueue({ maxCost: Infinity });
  const waited: boolean[] = [];
  for (let piece = 0; piece < 10; piece++) {
    let isDone = false;
    const work = () => {
      workFor(3);
      isDone = true;
    };
    queue.add(queue, { cost: 1, work });
    waited.push(!isDone);
    while (!isDone) await setImmediate();
    await setImmediate();
  }

  assert(waited.filter(Boolean).length >= 3, `${waited}`);
});

/** A queue whose turn is used up, and what it has done. */
function usedUp({ maxCost = Infinity }: { maxCost?: number } = {}) {
  const queue = new SlicedQueue({ maxCost });
  const done: string[] = [];
  const add = (owner: object, name: string, cost = 1000) =>
    queue.add(owner, { cost, work: () => done.push(name) });
  queue.add(queue, { cost: 5000, work: () => {} });
  queue.add(queue, { cost: 5000, work: () => {} });
  return { queue, done, add };
}

Deno.test("in a sliced queue, owners take turns, and each has its own order", async () => {
  const { done, add } = usedUp();
  const [many, few] = [{}, {}];
  for (const name of ["a", "b", "c"]) add(many, name);
  for (const name of ["1", "2"]) add(few, name);

  while (done.length < 5) await setImmediate();

  assertEquals(done.join(""), "a1b2c");
});

Deno.test("a sliced queue does nothing for an owner that was dropped, and has its room again", async () => {
  const { queue, done, add } = usedUp({ maxCost: 8000 });
  const [gone, other] = [{}, {}];
  assert(add(gone, "a"));
  assert(!add(gone, "too much", 3000));
  queue.drop(gone);
  assert(add(other, "b"));
  assert(add(other, "c", 2000));

  while (done.length < 2) await setImmediate();
  await setImmediate();

  assertEquals(done, ["b", "c"]);
});

Deno.test("a full sliced queue takes one piece more of others, until it is full twice", () => {
  const { add } = usedUp({ maxCost: 8000 });
  const [many, one, other] = [{}, {}, {}];
  assert(add(many, "a", 3000));
  assert(!add(many, "b"));
  assert(add(one, "c", 7000));
  assert(!add(one, "d"));
  assert(!add(other, "e", 2000));
});

Deno.test("a sliced queue goes on after a piece that has failed", async () => {
  const { queue, done, add } = usedUp();
  const defect = new Error("defect");
  const reported = new Promise<unknown>((resolve) => {
    globalThis.addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      resolve(event.reason);
    }, { once: true });
  });
  const owner = {};
  queue.add(owner, {
    cost: 1000,
    work() {
      throw defect;
    },
  });
  add(owner, "a");
  add({}, "b");

  assertEquals(await reported, defect);
  while (done.length < 2) await setImmediate();

  assertEquals(done, ["b", "a"]);
});

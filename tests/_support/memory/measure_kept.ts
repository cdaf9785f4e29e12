/**
 * How much the heap grows by what sessions keep of subscriptions, and what it counts for
 * MAX_SESSION_BYTES; needs `--v8-flags=--expose-gc`. The argument is the number of subscriptions.
 * Prints one line of JSON for each shape.
 */
import { keptList } from "../../../src/backend/lists.ts";
import { notificationTarget, scheduleTarget, type Target } from "../../../src/protocol/target.ts";
import { usedHeap } from "./garbage.ts";

const count = Number(Deno.args[0]);
const where = { from: 1, to: 2, timezone: "UTC" };
const numbers = (n: number, from: number) => Array.from({ length: n }, (_, i) => from + i);

const SHAPES: Record<string, (i: number) => Target> = {
  "many game ids": (i) => scheduleTarget({ ...where, gameIds: numbers(1000, 1000 * i) }),
  "short game ids": (i) => scheduleTarget({ ...where, to: 2 + i, gameIds: numbers(1000, 0) }),
  "long game ids": (i) =>
    scheduleTarget({ ...where, gameIds: numbers(50, 50 * i).map((n) => `${n}`.padEnd(200, "x")) }),
  "many types": (i) =>
    notificationTarget({ userId: "42", types: numbers(300, 300 * i).map((n) => `type-${n}-long`) }),
};

for (const [shape, make] of Object.entries(SHAPES)) {
  const kept: unknown[] = [];
  let counted = 0;
  const before = await usedHeap();
  for (let i = 0; i < count; i++) {
    const target = make(i);
    const list = keptList(target, {});
    counted += list.bytes;
    kept.push({ target, list });
  }
  // deno-lint-ignore no-console
  console.log(
    JSON.stringify({ shape, heap: await usedHeap() - before, counted, kept: kept.length }),
  );
}

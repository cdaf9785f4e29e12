import { assert, assertEquals } from "@std/assert";
import { Freshness } from "../../src/log/freshness.ts";

const DAY = 86_400_000;

/** The ends of the first partitions, with all records readable. */
function endsOf(...ends: number[]) {
  return new Map(ends.map((end, partition) => [partition, { end, stableEnd: end }]));
}

Deno.test("[DEL10] a new partition counts as fresh when it is found", () => {
  const freshness = new Freshness({ afterMs: 15_000, now: 0 });
  freshness.tell({ ends: endsOf(5), askedAt: DAY });
  assertEquals(freshness.staleForMs([5], DAY), null);
  assertEquals(freshness.staleForMs([5, 0], DAY), null);
  freshness.tell({ ends: endsOf(5, 9), askedAt: DAY + 14_000 });
  assertEquals(freshness.staleForMs([5, 3], DAY + 15_000), null);
  assertEquals(freshness.staleForMs([5, 3], DAY + 16_000), 16_000);
  assertEquals(freshness.staleForMs([5, 9], DAY + 16_000), null);
});

Deno.test("[DEL10] each partition is judged by what its own leader said", () => {
  const freshness = new Freshness({ afterMs: 15_000, now: 0 });
  freshness.tell({ ends: endsOf(5, 9), askedAt: 1000 });
  assertEquals(freshness.staleForMs([5, 9], 1000), null);
  // The leader of the second one is silent, the other one goes on.
  for (let askedAt = 2000; askedAt <= 20_000; askedAt += 1000) {
    freshness.tell({ ends: endsOf(5), askedAt });
  }
  assertEquals(freshness.staleForMs([5, 9], 20_000), 19_000);
  // An answer that was overtaken by a later one counts for nothing.
  freshness.tell({ ends: new Map([[1, { end: 9, stableEnd: 9 }]]), askedAt: 500 });
  assertEquals(freshness.latest(1)?.askedAt, 1000);
});

Deno.test("[DEL10] a partition that is always a little behind is fresh, and few of its ends are kept", () => {
  const freshness = new Freshness({ afterMs: 15_000, now: 0 });
  let position = 0;
  // A hundred answers a second, for a minute; the reader is 2 s behind.
  for (let now = 0; now < 60_000; now += 10) {
    freshness.tell({ ends: endsOf(now), askedAt: now });
    position = Math.max(0, now - 2000);
    if (now % 100 === 0) assertEquals(freshness.staleForMs([position], now), null, `${now}`);
  }
  // It stops, and becomes stale.
  for (let now = 60_000; now < 72_000; now += 10) {
    freshness.tell({ ends: endsOf(now), askedAt: now });
    assertEquals(freshness.staleForMs([position], now), null, `${now}`);
  }
  const staleMs = freshness.staleForMs([position], 75_000) ?? 0;
  assert(staleMs > 15_000 && staleMs < 19_000, `${staleMs}`);
  assert(freshness.size < 20, `${freshness.size}`);
});

Deno.test("[DEL10][DEL13] a partition that was cut back, or is new, counts as fresh for a while", () => {
  const freshness = new Freshness({ afterMs: 15_000, now: 0 });
  freshness.tell({ ends: endsOf(100), askedAt: 1000 });
  assertEquals(freshness.staleForMs([100], 1000), null);
  freshness.tell({ ends: endsOf(200), askedAt: 10_000 });
  freshness.forgetEnds(0);
  assertEquals([freshness.latest(0), freshness.staleForMs([50], 12_000)], [undefined, null]);
  assertEquals(freshness.staleForMs([50], 17_000), 16_000);

  freshness.reset(20_000);
  assertEquals(freshness.staleForMs([], 35_000), null);
  assertEquals(freshness.staleForMs([], 36_000), 16_000);
  assertEquals(freshness.staleForMs([0], 36_000), null);
});

Deno.test("[DEL10] a clock that is set back hides neither that a partition is stale nor that it is fresh", () => {
  const freshness = new Freshness({ afterMs: 15_000, now: DAY });
  freshness.tell({ ends: endsOf(5), askedAt: DAY });
  assertEquals(freshness.staleForMs([5], DAY), null);

  // An hour back, and the leader is silent.
  const back = DAY - 3_600_000;
  assertEquals(freshness.staleForMs([5], back), null);
  assertEquals(freshness.staleForMs([5], back + 16_000), 16_000);

  freshness.tell({ ends: endsOf(6), askedAt: back + 17_000 });
  assertEquals(freshness.staleForMs([6], back + 17_000), null);
  // Another hour back. The answer comes before anybody looks.
  freshness.tell({ ends: endsOf(7), askedAt: back - 3_600_000 });
  assertEquals(freshness.latest(0)?.end, 7);
  assertEquals(freshness.staleForMs([6], back - 3_600_000), null);
  assertEquals(freshness.staleForMs([6], back - 3_580_000), 20_000);
  assertEquals(freshness.staleForMs([7], back - 3_580_000), 20_000);
});

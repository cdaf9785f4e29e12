import { assertEquals } from "@std/assert";
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

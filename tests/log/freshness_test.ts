import { assertEquals } from "@std/assert";
import { Freshness } from "../../src/log/freshness.ts";

Deno.test("[DEL10] a new partition counts as fresh when it is found", () => {
  const freshness = new Freshness({ afterMs: 15_000, now: 0 });
  const day = 86_400_000;
  freshness.tell({ ends: [5], askedAt: day });
  assertEquals(freshness.staleForMs([5], day), null);
  assertEquals(freshness.staleForMs([5, 0], day), null);
  freshness.tell({ ends: [5, 9], askedAt: day + 14_000 });
  assertEquals(freshness.staleForMs([5, 3], day + 15_000), null);
  assertEquals(freshness.staleForMs([5, 3], day + 16_000), 16_000);
  assertEquals(freshness.staleForMs([5, 9], day + 16_000), null);
});

import { assertEquals } from "@std/assert";
import { Fifo, FifoMap } from "../../src/util/fifo.ts";

Deno.test("lowerBound finds the first item for which a condition holds, also after shifts", () => {
  const fifo = new Fifo<number>();
  assertEquals(fifo.lowerBound(() => true), 0);
  for (let i = 0; i < 100; i++) fifo.push(10 * i);
  for (let shifted = 0; shifted < 100; shifted++) {
    for (const at of [-1, 10 * shifted, 10 * shifted + 1, 990, 991]) {
      const index = fifo.lowerBound((item) => item >= at);
      assertEquals(index, Math.max(0, Math.ceil(at / 10) - shifted), `${at}, ${shifted} shifted`);
      assertEquals(fifo.at(index), at > 990 ? undefined : 10 * (shifted + index));
    }
    fifo.shift();
  }
  assertEquals([fifo.length, fifo.first], [0, undefined]);
});

Deno.test("a FifoMap says which item is the first of its key, and which the last", () => {
  const map = new FifoMap<{ n: number }>();
  const [a, b, c] = [{ n: 1 }, { n: 2 }, { n: 3 }];
  assertEquals([map.push("x", a), map.push("x", b), map.push("y", c)], [true, false, true]);
  const keys = ["x", "y", "z"];
  assertEquals(keys.map((key) => map.get(key)?.length), [2, 1, undefined]);
  assertEquals(keys.map((key) => map.get(key)?.first), [a, c, undefined]);
  assertEquals([map.shift("x"), map.get("x")?.first], [false, b]);
  assertEquals([map.shift("x"), map.get("x")], [true, undefined]);
});

import { assertEquals } from "@std/assert";
import { MultiMap } from "../../src/util/multi_map.ts";

Deno.test("a MultiMap has each value of a key once, and forgets a key without values", () => {
  const map = new MultiMap<string>();
  for (const value of ["a", "a", "b", "c", "b"]) map.add("x", value);
  map.add("y", "a");
  assertEquals([...map.get("x")], ["a", "b", "c"]);
  assertEquals([[...map.get("y")], [...map.get("z")]], [["a"], []]);
  assertEquals([map.size, map.has("x"), map.has("z")], [2, true, false]);

  for (const value of ["b", "not there", "a", "c"]) map.delete("x", value);
  map.delete("y", "not there");
  assertEquals([[...map.get("x")], map.has("x"), map.size], [[], false, 1]);
});

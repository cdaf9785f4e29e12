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

Deno.test("a MultiMap tells the only value of a key, and whether there may be several", () => {
  const map = new MultiMap<string>();
  map.add("one", "a");
  for (const value of ["a", "b"]) map.add("two", value);
  assertEquals(["one", "two", "none"].map((key) => map.only(key)), ["a", undefined, null]);
  assertEquals(["one", "two", "none"].map((key) => map.any(key)), ["a", "a", undefined]);

  map.delete("one", "a");
  for (const value of ["a", "b"]) map.delete("two", value);
  map.add("two", "c");
  assertEquals(["one", "two"].map((key) => map.only(key)), [null, "c"]);
});

import { assertEquals } from "@std/assert";
import { editDistance } from "../../src/util/edit_distance.ts";

Deno.test("the distance counts the characters to insert, delete or replace, both ways", () => {
  for (
    const [from, to, distance] of [
      ["", "", 0],
      ["PORT", "PORT", 0],
      ["", "PORT", 4],
      ["PORTS", "PORT", 1],
      ["POT", "PORT", 1],
      ["PART", "PORT", 1],
      ["PROT", "PORT", 2],
      ["kitten", "sitting", 3],
      ["KAFKA_TOPIC", "KAFKA_TOPICS", 1],
      ["flaw", "lawn", 2],
    ] as const
  ) {
    assertEquals(editDistance(from, to), distance, `${from} → ${to}`);
    assertEquals(editDistance(to, from), distance, `${to} → ${from}`);
  }
});

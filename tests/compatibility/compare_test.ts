import { assertEquals, assertNotEquals } from "@std/assert";
import { essenceOf, shortOf } from "./compare.ts";

/** An outcome with the body of an error. */
const failed = (payload: unknown) => ({ got: [{ rid: 1, event: "x", status: "error", payload }] });
/** An error of wss itself. */
const own = (message: string) =>
  failed({ error: [{ Slug: "a", Message: message, Temporary: true }] });

Deno.test("a backend's error of any shape is compared as it is", () => {
  for (const error of ["a text", 1, null, {}, [], ["a text"], [null], [{ Slug: "a" }]]) {
    const outcome = failed({ error });
    assertEquals(essenceOf(outcome).got, outcome.got);
    assertEquals(shortOf(outcome).got, outcome.got);
    assertNotEquals(essenceOf(outcome), essenceOf(own("text")));
  }
});

Deno.test("the texts of a service's own errors are not compared", () => {
  assertEquals(essenceOf(own("one")), essenceOf(own("another")));
});

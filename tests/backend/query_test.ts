import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { queryOf } from "../../src/backend/query.ts";

Deno.test("a query is written as URLSearchParams writes it, whatever the texts", () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."aZ09_*.-~!'()+ %&=?#/\\\n\0é😀") }),
    // Any UTF-16, with lone surrogates.
    fc.array(fc.nat(0xffff).map((code) => String.fromCharCode(code))).map((all) => all.join("")),
  );
  fc.assert(fc.property(fc.array(fc.tuple(text, text)), (params) => {
    assertEquals(queryOf(params), new URLSearchParams(params).toString());
  }));
});

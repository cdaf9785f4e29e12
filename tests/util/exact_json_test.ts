import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parseJsonExactly } from "../../src/util/exact_json.ts";

Deno.test("numbers that a double can't hold are kept as they were written, anywhere in the text", () => {
  const numbers = [
    "9007199254740993",
    "-9007199254740993",
    "3.14159265358979323846",
    "1e400",
    "-1E+400",
    "1.5e-400",
  ];
  for (const number of numbers) {
    for (const text of [`${number}`, `[${number}]`, `[0,${number}]`, `{"a":${number}}`]) {
      assertEquals(JSON.stringify(parseJsonExactly(text)), text);
    }
    for (const text of [` ${number}`, `[ ${number}]`, `[0,\n${number}]`, `{"a":\t${number} }`]) {
      assertEquals(JSON.stringify(parseJsonExactly(text)), text.replaceAll(/\s/g, ""));
    }
  }
});

Deno.test("everything else is parsed as by JSON.parse", () => {
  const value = {
    id: "12345678901234567890",
    "5e123": ["1e400", 1.5, -0.25, 1e21, 123456789012345],
  };
  assertEquals(parseJsonExactly(JSON.stringify(value)), value);
});

Deno.test("any JSON, with wide numbers in it or not, is written as it was read", () => {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  const key = fc.oneof(fc.string().map((name) => `a${name}`), fc.constant("__proto__"));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.bigInt().map((number) => rawJSON(String(number))),
      fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(null, true, "12345678901234567890")),
      fc.array(tie("value")),
      fc.dictionary(key, tie("value")),
    ),
  }));
  fc.assert(
    fc.property(value, (value) => {
      const text = JSON.stringify(value);
      assertEquals(JSON.stringify(parseJsonExactly(text)), text);
    }),
    { numRuns: 30 },
  );
});

Deno.test("long numbers and strings are kept, however long they are", () => {
  const text = `["${"\\\\x".repeat(500_000)}",${"1".repeat(1_500_000)},"${"x".repeat(1_500_000)}"]`;
  assertEquals(JSON.stringify(parseJsonExactly(text)) === text, true);
});

Deno.test("text that is not JSON is refused, also with wide numbers in it", () => {
  const numbers = ["01234567890123456789", "1.e400", "12345678901234567890.", "1e+"];
  const texts = numbers.flatMap((number) => [number, `[9007199254740993,${number}]`]);
  for (
    const text of [...texts, "{9007199254740993:1}", "[1 9007199254740993]", '["9007199254740993]']
  ) {
    assertThrows(() => parseJsonExactly(text), SyntaxError);
  }
});

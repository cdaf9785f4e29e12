import { assertEquals } from "@std/assert";
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

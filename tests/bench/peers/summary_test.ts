import { assertEquals } from "@std/assert";
import type { Result } from "../harness/benchmark.ts";
import { summaryOf } from "./summary.ts";

Deno.test("the table of all peers has a row for each figure and a column for each peer", () => {
  const summary = { values: [], median: 0, spread: 0 };
  const result: Result = {
    benchmark: "peers",
    case: "one of 3000 users each",
    rounds: 5,
    invalid: [],
    figures: [
      {
        name: "CPU a message",
        unit: "µs",
        byVariant: [{ ...summary, variant: "wss", median: 15.63 }, {
          ...summary,
          variant: "bare",
          median: 8.04,
        }],
      },
      {
        name: "messages a second",
        unit: "",
        byVariant: [{ ...summary, variant: "wss", median: 55_123 }, {
          ...summary,
          variant: "bare",
          median: 999.6,
        }],
      },
    ],
  };
  assertEquals(
    summaryOf([result]),
    `\
|  | wss | bare |
| --- | --- | --- |
| one of 3000 users each: CPU a message, µs | 16 | 8.0 |
| one of 3000 users each: messages a second | 55,100 | 1,000 |`,
  );
});

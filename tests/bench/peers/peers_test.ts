import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Result } from "../harness/benchmark.ts";
import type { Peer } from "./peer.ts";
import { BASELINES, PEERS } from "./peers.ts";
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

Deno.test({
  name:
    "the comparison with peers runs with those that are there, and says how to install the others",
  ignore: !Deno.env.has("KAFKA_BROKERS"),
  async fn() {
    const main = new URL("main.ts", import.meta.url).href;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "-A", main, "--small"],
    }).output();
    const text = new TextDecoder().decode(stdout);
    const missing: Peer[] = [];
    for (const peer of PEERS) if (await peer.version() === null) missing.push(peer);
    for (const { name, install } of missing) {
      assertStringIncludes(text, `${name} is not there; to install it: ${install}`);
    }
    const others = PEERS.filter((peer) => !missing.includes(peer)).map(({ name }) => name);
    if (others.length > BASELINES) {
      assertStringIncludes(text, `|  | ${others.join(" | ")} |`);
      assertEquals(text.match(/INVALID: .* delivered/g), null);
    } else assertStringIncludes(text, "There is nothing to compare with");
  },
});

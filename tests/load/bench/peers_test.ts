/** The comparison with peers, in its small form. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Peer } from "../../bench/peers/peer.ts";
import { BASELINES, PEERS } from "../../bench/peers/peers.ts";
import { kafkaTest } from "../../_support/kafka/topic.ts";

kafkaTest(
  "the comparison with peers runs with those that are there, and says how to install the others",
  async () => {
    const main = new URL("../../bench/peers/main.ts", import.meta.url).href;
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
);

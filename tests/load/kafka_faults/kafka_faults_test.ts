import { assertEquals } from "@std/assert";
import { kafkaTest } from "../../_support/kafka/topic.ts";
import { faultCases } from "./cases.ts";
import { runFaults } from "./run.ts";
import { sampleOf } from "./sample.ts";

/** Cases besides one of each request and kind. All together take less than two minutes. */
const MORE = 60;
const AT_ONCE = 20;

kafkaTest(
  "[DEL9][KAF10] no fault at any request to Kafka ends the service, loses a record or repeats it",
  async () => {
    const seed = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
    const cases = sampleOf(faultCases(), { seed, more: MORE });
    // deno-lint-ignore no-console
    console.log(
      `Seed ${seed}: to repeat it, deno task kafka:faults --sample=${MORE} --seed=${seed}`,
    );

    const results = await runFaults({ cases, seed, atOnce: AT_ONCE });

    assertEquals(results.filter(({ problem }) => problem !== null), []);
    assertEquals(results.length, cases.length);
  },
);

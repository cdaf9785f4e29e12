import { assert, assertEquals } from "@std/assert";
import { kafkaTest } from "../../_support/kafka/topic.ts";
import { randomFaults } from "./faults.ts";
import { runSoak } from "./run.ts";

const FINE = { lost: 0, twice: 0, disordered: 0, disconnected: 0 };

kafkaTest(
  "[DEL5][DEL9] instances and the broker are killed, lines are cut, and every client gets every message",
  async () => {
    const seed = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
    const soak = { seed, seconds: 20, clients: 60, instances: 2, brokers: 1, rate: 100 } as const;

    const report = await runSoak({ ...soak, cutsMs: [2000, 6000], faults: randomFaults(soak) });

    // deno-lint-ignore no-console
    console.log({ seed, ...report });
    const { lost, twice, disordered, disconnected, sent, resumed, listed, resyncs } = report;
    assertEquals({ lost, twice, disordered, disconnected }, FINE);
    // An instance that is behind a cursor while the broker is away can but give the list.
    assert(resyncs === 0 && listed < resumed / 10, `${listed} lists`);
    assertEquals(sent, 2000);
    assert(resumed > 2 * soak.clients, "clients resumed often");
  },
);

kafkaTest(
  "[DEL5][DEL7] three instances are restarted one after the other: nothing is lost, no list is asked for",
  async () => {
    const report = await runSoak({
      seed: 0,
      seconds: 15,
      clients: 60,
      instances: 3,
      brokers: 1,
      rate: 100,
      cutsMs: null,
      faults: [{ atMs: 1000, does: "restart one instance after the other" }],
    });

    const { lost, twice, disordered, disconnected, repeated, resumed, listCalls } = report;
    assertEquals({ lost, twice, disordered, disconnected }, FINE);
    assertEquals({ repeated, listCalls }, { repeated: 0, listCalls: 0 });
    assert(resumed > 60, "clients resumed");
  },
);

import { assertEquals } from "@std/assert";
import { delay } from "../../src/util/delay.ts";
import { assertAllOnce, startOnOwnBroker } from "../_support/kafka/own_broker.ts";
import { kafkaTest } from "../_support/kafka/topic.ts";

/** Longer than the timeout of any request. */
const FROZEN_MS = 60_000;

kafkaTest(
  "[DEL9] while a broker is frozen for 60 s, sessions stay and no record is lost or repeated",
  async () => {
    await using own = await startOnOwnBroker();
    assertAllOnce(await own.pushesUpTo(await own.produce([1, 2])), { from: 0, payloads: [1, 2] });

    await own.broker.signal("SIGSTOP");
    const produced = own.produce([3, 4]).catch(() => own.produce([3, 4]));
    await delay(FROZEN_MS, new AbortController().signal);
    const meanwhile = await own.client.request("getMyNotificationsCount", {
      where: { types: [] },
      status: "read",
    });
    await own.broker.signal("SIGCONT");
    const last = await produced;

    assertEquals(meanwhile.status, "ok");
    assertAllOnce(await own.pushesUpTo(last), { from: 2, payloads: [3, 4] });
  },
);

import { assertEquals } from "@std/assert";
import { delay } from "../../src/util/delay.ts";
import { startScramBroker } from "../_support/kafka/behind_proxy.ts";
import { assertAllOnce, startOnOwnBroker } from "../_support/kafka/own_broker.ts";
import { kafkaTest } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";

/** Longer than the timeout of any request. */
const FROZEN_MS = 60_000;
const RESTARTS = 5;

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

kafkaTest(
  "[DEL9][KAF10] a broker that asks for a password is killed and restarted again and again, and no record is lost or repeated",
  async () => {
    await using kafka = await startScramBroker();
    await using wss = await kafka.startWss();
    await using client = await wss.connect("/web", { token: "alice" });
    await client.request("getMyNotifications", { where: { types: [] } });

    for (let i = 0; i < RESTARTS; i++) {
      await kafka.broker[i % 2 === 0 ? "kill" : "stop"]();
      await kafka.broker.start();
      await kafka.produce(i);
      await until("the record was read", () => (wss.service.stream.positions[0] ?? 0) > i, 60_000);
    }

    const pushes = await client.pushesUntilIdle();
    const payloads = Array.from({ length: RESTARTS }, (_, i) => i);
    assertAllOnce(pushes.map(({ id, payload }) => ({ id, payload })), { from: 0, payloads });
  },
);

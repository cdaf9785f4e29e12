/** Passwords that brokers ask for, and logins that fail. */
import { assertEquals } from "@std/assert";
import { startScramBroker } from "../_support/kafka/behind_proxy.ts";
import { kafkaTest } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";

const LIST = { where: { types: [] } };
const COUNT = { ...LIST, status: "read" };

kafkaTest(
  "[KAF10] while the password is withdrawn, sessions stay, and what is written meanwhile is pushed once",
  async () => {
    await using kafka = await startScramBroker();
    await using wss = await kafka.startWss();
    await using client = await wss.connect("/web", { token: "alice" });
    await client.request("getMyNotifications", LIST);
    const trouble = () =>
      wss.admin.metric({ name: "wss_kafka_trouble", labels: { kind: "authentication" } });

    await kafka.withdraw();
    kafka.proxy.cut();
    await until("the trouble is told", async () => await trouble() === 1);
    await kafka.produce("meanwhile");
    const { status } = await client.request("getMyNotificationsCount", COUNT);
    const before = await client.pushesUntilIdle();
    await kafka.giveBack();
    const { payload } = await client.next();
    await kafka.produce("after");

    assertEquals({ status, before, payload }, { status: "ok", before: [], payload: "meanwhile" });
    assertEquals((await client.next()).payload, "after");
    await until("the trouble is over", async () => await trouble() === 0);
  },
);

kafkaTest("[KAF10] with a password that is not there yet, the start waits", async () => {
  await using kafka = await startScramBroker({ withholds: true });
  let isReady = false;
  const starting = kafka.startWss().finally(() => isReady = true);
  const tries = () => kafka.proxy.requests.get("SaslAuthenticate") ?? 0;
  await until("it has tried again", () => tries() > 1);
  assertEquals(isReady, false);

  await kafka.giveBack();
  await using wss = await starting;

  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  await kafka.produce(1);
  assertEquals((await client.next()).payload, 1);
});

kafkaTest(
  "[KAF10] if brokers close or stall a login once, sessions stay, and what is written meanwhile is pushed once",
  async () => {
    await using kafka = await startScramBroker();
    await using wss = await kafka.startWss();
    await using client = await wss.connect("/web", { token: "alice" });
    await client.request("getMyNotifications", LIST);

    for (const api of ["SaslHandshake", "SaslAuthenticate"] as const) {
      for (const does of ["close", "stall"] as const) {
        const happening = kafka.proxy.begin({ api, does }, { once: true });
        kafka.proxy.cut();
        await happening.hit;
        await kafka.produce(`meanwhile, ${api} ${does}`);
        const { payload } = await client.next();
        await kafka.produce(`after ${api} ${does}`);

        assertEquals(payload, `meanwhile, ${api} ${does}`);
        assertEquals((await client.next()).payload, `after ${api} ${does}`);
      }
    }
  },
);

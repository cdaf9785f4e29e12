/** Brokers that fail, and refuse; see also tests/load. */
import { assertEquals } from "@std/assert";
import kafkajs from "kafkajs";
import { assertAllOnce, startOnOwnBroker } from "../_support/kafka/own_broker.ts";
import { kafkaTest, withAdmin } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
const COUNT = { where: { types: [] }, status: "read" };

type OwnBroker = Awaited<ReturnType<typeof startOnOwnBroker>>;

/** Waits until trouble of a kind is told, or is over. */
function untilTrouble({ wss }: OwnBroker, kind: string, value: 0 | 1): Promise<void> {
  const series = { name: "wss_kafka_trouble", labels: { kind } };
  const isTold = async () => await wss.admin.metric(series) === value;
  return until(`trouble of kind ${kind} is ${value}`, isTold, 60_000);
}

kafkaTest(
  "[DEL9] while a broker is killed and restarted, sessions stay and no record is lost or repeated",
  async () => {
    await using own = await startOnOwnBroker();
    assertAllOnce(await own.pushesUpTo(await own.produce([1, 2])), { from: 0, payloads: [1, 2] });

    await own.broker.kill();
    await untilTrouble(own, "unreachable", 1);
    const meanwhile = await own.client.request("getMyNotificationsCount", COUNT);
    await own.broker.start();
    const last = await own.produce([3, 4]);

    assertEquals(meanwhile.status, "ok");
    assertAllOnce(await own.pushesUpTo(last), { from: 2, payloads: [3, 4] });
    await untilTrouble(own, "unreachable", 0);
  },
);

kafkaTest(
  "[DEL9] while a broker is frozen for longer than any time limit, sessions stay and no record is lost or repeated",
  async () => {
    await using own = await startOnOwnBroker({ settings: { DEGRADED_AFTER_SECONDS: 3 } });
    assertAllOnce(await own.pushesUpTo(await own.produce([1, 2])), { from: 0, payloads: [1, 2] });

    await own.broker.signal("SIGSTOP");
    const produced = own.produce([3, 4]).catch(() => own.produce([3, 4]));
    await untilTrouble(own, "unreachable", 1);
    await until("the stream is degraded", async () => {
      const response = await fetch(`${own.wss.http}/readyz`);
      return (await response.json()).degraded === true;
    });
    const meanwhile = await own.client.request("getMyNotificationsCount", COUNT);
    await own.broker.signal("SIGCONT");
    const last = await produced;

    assertEquals(meanwhile.status, "ok");
    assertAllOnce(await own.pushesUpTo(last), { from: 2, payloads: [3, 4] });
    await untilTrouble(own, "unreachable", 0);
  },
);

for (const operation of ["READ", "DESCRIBE"] as const) {
  kafkaTest(
    `[KAF10] while ${operation} of the topic is not allowed, sessions stay, and no record is lost or repeated`,
    async () => {
      await using own = await startOnOwnBroker({
        properties: {
          "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
          "allow.everyone.if.no.acl.found": "true",
        },
      });
      assertAllOnce(await own.pushesUpTo(await own.produce([1, 2])), {
        from: 0,
        payloads: [1, 2],
      });
      const entry = {
        resourceType: AclResourceTypes.TOPIC,
        resourceName: "wss",
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: "User:ANONYMOUS",
        host: "*",
        operation: AclOperationTypes[operation],
        permissionType: AclPermissionTypes.DENY,
      };

      await withAdmin((admin) => admin.createAcls({ acl: [entry] }), own.broker.address);
      await untilTrouble(own, "unauthorized", 1);
      const meanwhile = await own.client.request("getMyNotificationsCount", COUNT);
      await withAdmin((admin) => admin.deleteAcls({ filters: [entry] }), own.broker.address);
      const last = await own.produce([3, 4]);

      assertEquals(meanwhile.status, "ok");
      assertAllOnce(await own.pushesUpTo(last), { from: 2, payloads: [3, 4] });
      await untilTrouble(own, "unauthorized", 0);
    },
  );
}

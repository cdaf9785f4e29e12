/** Brokers that fail; see also tests/load. */
import { assert, assertEquals } from "@std/assert";
import kafkajs from "kafkajs";
import { startLastingBroker } from "../_support/kafka/broker.ts";
import { assertAllOnce, startOnOwnBroker } from "../_support/kafka/own_broker.ts";
import { kafkaTest, withAdmin } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";
import { startBackend } from "../_support/service/backend.ts";
import { startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
const COUNT = { where: { types: [] }, status: "read" };

kafkaTest(
  "[DEL9] while a broker is killed and restarted, sessions stay and no record is lost or repeated",
  async () => {
    await using own = await startOnOwnBroker();
    assertAllOnce(await own.pushesUpTo(await own.produce([1, 2])), { from: 0, payloads: [1, 2] });

    const count = (name: string) => own.wss.admin.metric({ name: `wss_kafka_${name}_total` });
    const joinsBefore = await count("joins");

    await own.broker.kill();
    const meanwhile = await own.client.request("getMyNotificationsCount", COUNT);
    await until("the consumer has ended", async () => await count("crashes") > 0);
    await own.broker.start();
    const last = await own.produce([3, 4]);

    assertEquals(meanwhile.status, "ok");
    assertAllOnce(await own.pushesUpTo(last), { from: 2, payloads: [3, 4] });
    assertEquals(joinsBefore, 1);
    assert(await count("joins") > joinsBefore);
  },
);

kafkaTest(
  "[DEL9] while a broker is frozen for longer than the session timeout, sessions stay and no record is lost or repeated",
  async () => {
    await using own = await startOnOwnBroker({
      settings: { DEGRADED_AFTER_SECONDS: 3 },
      reader: { sessionTimeoutMs: 2000 },
    });
    assertAllOnce(await own.pushesUpTo(await own.produce([1, 2])), { from: 0, payloads: [1, 2] });

    await own.broker.signal("SIGSTOP");
    const produced = own.produce([3, 4]).catch(() => own.produce([3, 4]));
    await until("the stream is degraded", async () => {
      const response = await fetch(`${own.wss.http}/readyz`);
      return (await response.json()).degraded === true;
    });
    const meanwhile = await own.client.request("getMyNotificationsCount", COUNT);
    await own.broker.signal("SIGCONT");
    const last = await produced;

    assertEquals(meanwhile.status, "ok");
    assertAllOnce(await own.pushesUpTo(last), { from: 2, payloads: [3, 4] });
  },
);

kafkaTest(
  "a consumer that can't go on ends the process with exit code 1 and the reason",
  async () => {
    await using broker = await startLastingBroker({
      properties: {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
      },
    });
    await using backend = startBackend();
    const settings = { KAFKA_BROKERS: broker.address, KAFKA_TOPIC: "wss" };
    await using wss = await startProcess({
      env: { ...testEnvironment(backend.origin), ...settings },
    });
    await wss.line(/Ready/);

    await withAdmin((admin) =>
      admin.createAcls({
        acl: [{
          resourceType: AclResourceTypes.TOPIC,
          resourceName: "wss",
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: "User:ANONYMOUS",
          host: "*",
          operation: AclOperationTypes.READ,
          permissionType: AclPermissionTypes.DENY,
        }],
      }), broker.address);

    assertEquals(await wss.exitCode(), 1);
    const [line] = wss.complaints.filter((line) => line.includes("can't go on"));
    assert(line?.includes("Not authorized to access topics"), wss.complaints.join("\n"));
  },
);

/** What `wss check` finds out about brokers and the topic. */
import { assert, assertEquals } from "@std/assert";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  ResourcePatternTypes,
} from "kafkajs";
import { checkKafka } from "../../../src/kafka/check/check_kafka.ts";
import type { Finding } from "../../../src/kafka/check/finding.ts";
import type { Settings } from "../../../src/settings/settings.ts";
import { startLastingBroker } from "../../_support/kafka/broker.ts";
import { CREDENTIAL, saslProperties } from "../../_support/kafka/sasl_broker.ts";
import {
  connectKafka,
  createTopic,
  kafkaTest,
  makeTopic,
  withAdmin,
} from "../../_support/kafka/topic.ts";
import { freePort } from "../../_support/network/free_port.ts";
import { until } from "../../_support/queue.ts";
import { testSettings } from "../../_support/service/settings.ts";

/** What is wrong with Kafka: what it is about, and what to do. */
async function kafkaProblems(settings: Partial<Settings>): Promise<[string, string][]> {
  const findings = await Array.fromAsync(checkKafka(testSettings("http://127.0.0.1", settings)));
  return problemsOf(findings);
}

function problemsOf(findings: readonly Finding[]): [string, string][] {
  return findings.flatMap(({ subject, advice }) => advice === undefined ? [] : [[subject, advice]]);
}

kafkaTest("wss check sees a topic that keeps too little, and records from the future", async () => {
  await using topic = await createTopic();
  const configEntries = [
    { name: "retention.ms", value: "60000" },
    { name: "cleanup.policy", value: "compact,delete" },
  ];
  await withAdmin((admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic.name, configEntries }],
    })
  );
  const producer = (await connectKafka()).producer();
  await producer.connect();
  const timestamp = String(Date.now() + 60_000);
  await producer.send({ topic: topic.name, messages: [{ key: "1", value: "{}", timestamp }] });
  await producer.disconnect();

  const problems = await kafkaProblems({
    KAFKA_BROKERS: topic.env.KAFKA_BROKERS.split(","),
    KAFKA_TOPIC: topic.name,
    AUTH_JWKS_URL: new URL("http://127.0.0.1/jwks"),
  });

  const subject = `topic ${topic.name}`;
  assertEquals(problems, [
    [subject, "set the clocks by NTP: here, on the brokers and where records are written"],
    [subject, "set retention.ms of the topic to at least 300000"],
    [subject, "set retention.ms of the topic to at least 86400000"],
    [subject, "set cleanup.policy of the topic to delete"],
  ]);
});

kafkaTest("wss check sees how long a topic keeps records also while brokers are down", async () => {
  await using topic = await createTopic();
  const down = Array.from({ length: 9 }, () => `127.0.0.1:${freePort()}`);
  const settings = {
    KAFKA_BROKERS: [...down, ...topic.env.KAFKA_BROKERS.split(",")],
    KAFKA_TOPIC: topic.name,
  };

  const findings = await Array.fromAsync(checkKafka(testSettings("http://127.0.0.1", settings)));

  assertEquals(findings.at(-1)?.text, "it keeps records for 604800 s");
  assertEquals(problemsOf(findings).map(([subject]) => subject), down.map((at) => `broker ${at}`));
});

kafkaTest("wss check tells apart what keeps it from brokers and topic", async () => {
  const ports = { port: freePort(), saslPort: freePort(), controllerPort: freePort() };
  const nowhere = freePort();
  const properties = saslProperties(ports);
  await using broker = await startLastingBroker({
    port: ports.port,
    properties: {
      "controller.quorum.voters": `1@127.0.0.1:${ports.controllerPort}`,
      ...properties,
      // Clients that come by SASL are sent to where nobody listens.
      "advertised.listeners":
        `PLAINTEXT://127.0.0.1:${ports.port},SASL_PLAINTEXT://127.0.0.1:${nowhere}`,
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "allow.everyone.if.no.acl.found": "true",
    },
  });
  const { address } = broker;
  const saslAddress = `127.0.0.1:${ports.saslPort}`;
  await withAdmin((admin) => makeTopic(admin, { topic: "wss", numPartitions: 1 }), address);
  const plain = { KAFKA_BROKERS: [address], KAFKA_TOPIC: "wss" };
  const sasl = { ...plain, ...CREDENTIAL, KAFKA_BROKERS: [saslAddress] };
  /** Takes all other rights away. */
  const allow = (operation: AclOperationTypes) => ({
    resourceType: AclResourceTypes.TOPIC,
    resourceName: "wss",
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: "User:ANONYMOUS",
    host: "*",
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  });
  const unreachable =
    "look at KAFKA_BROKERS, the network and the firewall; and at KAFKA_SSL, as a broker that expects " +
    "TLS, or does not, closes the connection";

  assertEquals(await kafkaProblems(plain), []);
  assertEquals(
    await kafkaProblems({ ...plain, KAFKA_BROKERS: [`127.0.0.1:${nowhere}`, address] }),
    [
      [`broker 127.0.0.1:${nowhere}`, unreachable],
    ],
  );
  assertEquals(await kafkaProblems({ ...plain, KAFKA_SSL: true }), [
    [`broker ${address}`, unreachable],
  ]);
  assertEquals(await kafkaProblems({ ...sasl, KAFKA_SASL_PASSWORD: "wrong" }), [
    [
      `broker ${saslAddress}`,
      "look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
    ],
  ]);
  assertEquals(await kafkaProblems({ ...sasl, KAFKA_SASL_MECHANISM: "scram-sha-512" }), [
    [
      `broker ${saslAddress}`,
      "look at KAFKA_SASL_MECHANISM: the broker may expect another one, or one at all",
    ],
  ]);
  const found = await Array.fromAsync(checkKafka(testSettings("http://127.0.0.1", sasl)));
  const [[subject, advice] = []] = problemsOf(found);
  const texts = found.map(({ text }) => text);
  const notRead = "not all of it was read: the brokers of 1 of 1 partitions were not reached";
  assert(texts.includes(notRead) && !texts.includes("it can be read"), texts.join("\n"));
  assertEquals(subject, `broker 127.0.0.1:${nowhere}`);
  const notAsked = "how long it keeps records is not known; it could not be asked: ";
  assert(texts.at(-1)?.startsWith(notAsked), texts.at(-1));
  assert(advice?.includes("advertised.listeners"), advice);
  // A broker takes a moment to follow a change of rights.
  const untilAdvice = (expected: string | undefined) =>
    until(`the advice ${expected}`, async () => (await kafkaProblems(plain))[0]?.[1] === expected);
  const grant = (operation: AclOperationTypes) =>
    withAdmin((admin) => admin.createAcls({ acl: [allow(operation)] }), address);
  await grant(AclOperationTypes.DESCRIBE);
  await untilAdvice(
    "kafka-acls.sh --add --allow-principal User:… --operation READ --operation DESCRIBE --topic wss",
  );
  // Both are enough, but they do not include reading the topic's settings.
  await grant(AclOperationTypes.READ);
  await untilAdvice(undefined);
  const findings = await Array.fromAsync(checkKafka(testSettings("http://127.0.0.1", plain)));
  assert(findings.at(-1)?.text.includes("DESCRIBE_CONFIGS"), findings.at(-1)?.text);
});

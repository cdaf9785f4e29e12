/** Brokers with IPv6 addresses. */
import { assert, assertEquals } from "@std/assert";
import { connectKafkaProducer } from "../../../src/kafka/producer.ts";
import { startOnOwnBroker } from "../../_support/kafka/own_broker.ts";
import { kafkaTest } from "../../_support/kafka/topic.ts";
import { freePort } from "../../_support/network/free_port.ts";
import { startProcess } from "../../_support/service/process.ts";
import { testEnvironment, testSettings } from "../../_support/service/settings.ts";

kafkaTest("the log is read and written at a broker that has only an IPv6 address", async () => {
  const [port, controller] = [freePort(), freePort()];
  const address = `[::1]:${port}`;
  await using stage = await startOnOwnBroker({
    address,
    properties: {
      "controller.quorum.voters": `1@127.0.0.1:${controller}`,
      "listeners": `PLAINTEXT://${address},CONTROLLER://127.0.0.1:${controller}`,
      "advertised.listeners": `PLAINTEXT://${address}`,
    },
  });
  const settings = testSettings("http://127.0.0.1", { KAFKA_BROKERS: [address] });
  const producer = await connectKafkaProducer({ ...settings, KAFKA_TOPIC: "wss" });
  const document = { userId: "42", type: "message", data: "over IPv6" };

  const { offset } = await producer.publish({
    value: JSON.stringify({ type: "notification", document }),
  });
  await producer.stop();

  assertEquals((await stage.pushesUpTo(offset)).map(({ payload }) => payload), ["over IPv6"]);
});

Deno.test("[KAF10] a broker with an IPv6 address that is down is named as in KAFKA_BROKERS", async () => {
  const address = `[::1]:${freePort()}`;
  const env = { ...testEnvironment("http://127.0.0.1"), KAFKA_BROKERS: address };

  await using wss = await startProcess({ env });
  const { message } = JSON.parse(await wss.line(/cannot be read/));
  assert(message.includes(`Cannot read from Kafka at ${address}: connect E`), message);

  const args = ["publish", "--user", "1", "--type", "a", "--data", "1"];
  await using publish = await startProcess({ args, env });
  assertEquals(await publish.exitCode(), 1);
  const said = publish.complaints.join();
  assert(said.includes(`Cannot write to topic wss at ${address}: `), said);
  assert(said.includes("connect E"), said);
});

/** Asking brokers of which some do not answer. */
import { assert, assertEquals } from "@std/assert";
import { Brokers } from "../../../src/kafka/brokers/brokers.ts";
import { clientOptions } from "../../../src/kafka/client.ts";
import { METADATA, metadataRequest } from "../../../src/kafka/wire/metadata.ts";
import { startScriptedBroker } from "../../_support/kafka/faults/scripted_broker.ts";
import { createTopic, kafkaTest } from "../../_support/kafka/topic.ts";
import { startSilentServer } from "../../_support/network/silent_server.ts";
import { testSettings } from "../../_support/service/settings.ts";

/** Brokers that are known by their addresses only. */
async function connectTo(addresses: readonly string[]) {
  const stopping = new AbortController();
  const client = await clientOptions(testSettings("http://127.0.0.1"));
  const brokers = new Brokers(addresses, { client, signal: stopping.signal });
  return {
    brokers,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await brokers.close();
    },
  };
}

kafkaTest("[KAF10] any broker that answers is enough, whichever is asked first", async () => {
  await using topic = await createTopic();
  await using silent = startSilentServer();
  const addresses = [silent.address, "127.0.0.1:1", topic.env.KAFKA_BROKERS];
  await using connected = await connectTo(addresses);

  const found = [];
  for (let i = 0; i < addresses.length; i++) {
    const { partitions } = await connected.brokers.askAny((connection) =>
      connection.send(
        metadataRequest(connection.versionOf(METADATA), { topic: topic.name }),
        { timeoutMs: 2500 },
      )
    );
    found.push(partitions.length);
  }

  assertEquals(found, [1, 1, 1]);
  assert(silent.connections.size > 0);
});

Deno.test("[KAF10] a connection that was closed is not asked again, also before its socket is closed", async () => {
  await using server = startScriptedBroker();
  await using connected = await connectTo([server.address]);
  const ask = () => connected.brokers.askAny((connection) => Promise.resolve(connection));

  const first = await ask();
  first.close("it does not answer");
  const second = await ask();

  assertEquals([first.isClosed, second.isClosed, await ask() === second], [true, false, true]);
});

Deno.test("[KAF10] if no broker answers, the error names one", async () => {
  await using connected = await connectTo(["127.0.0.1:1"]);

  const error = await connected.brokers.askAny(() => Promise.resolve()).catch((error) => error);

  assertEquals([error.name, error.address], ["UnreachableError", "127.0.0.1:1"]);
});

Deno.test("[KAF10] a node that no broker locates can't be reached", async () => {
  await using connected = await connectTo(["127.0.0.1:1"]);

  const error = await connected.brokers.ask(7, () => Promise.resolve()).catch((error) => error);

  assertEquals([error.name, error.address], ["UnreachableError", "broker 7"]);
});

/** The end of a reader whose brokers say nothing. The sanitizers of Deno.test see what it leaves behind. */
import { assertEquals } from "@std/assert";
import { KafkaReader } from "../../src/kafka/reader.ts";
import { startSilentServer } from "../_support/network/silent_server.ts";
import { deadline, until } from "../_support/queue.ts";
import { testSettings } from "../_support/service/settings.ts";
import { NO_EVENTS } from "../_support/no_events.ts";

/** Milliseconds in which a reader ends. Any time limit for a broker is longer. */
const END_MS = 1000;

for (const KAFKA_SSL of [false, true]) {
  Deno.test(`a reader ends at once while a broker says nothing${KAFKA_SSL ? " about TLS" : ""}`, async () => {
    await using server = startSilentServer();
    const settings = testSettings("http://127.0.0.1", {
      KAFKA_BROKERS: [server.address],
      KAFKA_SSL,
    });
    const reader = new KafkaReader(settings);
    const starting = reader.start(NO_EVENTS, { since: 0 });
    await until("it has connected", () => server.connections.size > 0);

    await deadline("the end", reader.stop(), END_MS);

    assertEquals(await starting, undefined);
  });
}

Deno.test("a reader ends at once between two tries, and without a start", async () => {
  const settings = testSettings("http://127.0.0.1", { KAFKA_BROKERS: ["127.0.0.1:1"] });
  const told = Promise.withResolvers<unknown>();
  const reader = new KafkaReader(settings);
  const starting = reader.start({ ...NO_EVENTS, onTrouble: told.resolve }, { since: 0 });
  await told.promise;

  await deadline("the end", reader.stop(), END_MS);
  await starting;

  await deadline("the end", new KafkaReader(settings).stop(), END_MS);
});

Deno.test("a CA file that can't be read ends the start", async () => {
  const settings = testSettings("http://127.0.0.1", { KAFKA_SSL: "certs/missing.pem" });
  const reader = new KafkaReader(settings);

  const reason = await reader.start(NO_EVENTS, { since: 0 }).catch(({ message }) => message);

  assertEquals(
    /^Cannot read the CA file "certs\/missing.pem" that KAFKA_SSL names/.test(reason),
    true,
  );
  await reader.stop();
});

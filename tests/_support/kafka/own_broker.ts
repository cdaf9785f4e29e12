/** A broker of its own, an instance that reads from it, and a client that is subscribed. */
import { assertEquals } from "@std/assert";
import { KafkaReader } from "../../../src/kafka/reader.ts";
import type { Settings } from "../../../src/settings/settings.ts";
import { until } from "../queue.ts";
import { startWss } from "../service/wss.ts";
import { startLastingBroker } from "./broker.ts";
import { connectKafka } from "./topic.ts";

/** Starts them. The topic has one partition, and each record is for the client. */
export async function startOnOwnBroker(
  { settings = {}, properties = {}, address: given }: {
    settings?: Partial<Settings>;
    /** Where the broker listens, if its properties say something else than usual. */
    address?: string;
    /** Properties of the broker, which come before the usual ones. */
    properties?: Record<string, string>;
  } = {},
) {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startLastingBroker({ properties }));
  const address = given ?? broker.address;
  const wss = stack.use(
    await startWss({
      settings: { KAFKA_BROKERS: [address], KAFKA_TOPIC: "wss", ...settings },
      createReader: (settings) => new KafkaReader(settings),
    }),
  );
  const client = stack.use(await wss.connect("/web", { token: "alice" }));
  await client.request("getMyNotifications", { where: { types: [] } });
  const producer = (await connectKafka(address)).producer();
  await producer.connect();
  stack.defer(() => producer.disconnect());
  const resources = stack.move();

  return {
    broker,
    wss,
    client,
    /** Writes notifications; gives the offset of the last record. */
    async produce(values: unknown[]): Promise<number> {
      const messages = values.map((data) => ({
        value: JSON.stringify({
          type: "notification",
          document: { userId: "42", type: "message", data },
        }),
      }));
      const [written] = await producer.send({ topic: "wss", acks: -1, messages });
      return Number(written?.baseOffset) + values.length - 1;
    },
    /** Gives all pushes since the last time, when the record of that offset has been read. */
    async pushesUpTo(offset: number) {
      const { stream } = wss.service;
      await until(`${offset} is read`, () => (stream.positions[0] ?? 0) > offset, 120_000);
      return (await client.pushesUntilIdle()).map(({ id, payload }) => ({ id, payload }));
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/**
 * Asserts that each record of partition 0 from an offset on was pushed once, in order. The payloads may
 * come again: if a producer gets no answer, it writes again, and that is another record.
 */
export function assertAllOnce(
  pushes: Awaited<ReturnType<Awaited<ReturnType<typeof startOnOwnBroker>>["pushesUpTo"]>>,
  { from, payloads }: { from: number; payloads: unknown[] },
): void {
  assertEquals(pushes.map(({ id }) => id), pushes.map((_, i) => `0-${from + i}`));
  assertEquals([...new Set(pushes.map(({ payload }) => payload))], payloads);
}

/** Answers that take long to arrive, and answers of which the rest never comes. */
import { assert, assertEquals } from "@std/assert";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { BrokerConnection } from "../../../src/kafka/brokers/broker_connection.ts";
import { clientOptions } from "../../../src/kafka/client.ts";
import { KafkaReader } from "../../../src/kafka/reader.ts";
import { wireRequest } from "../../../src/kafka/wire/api.ts";
import { METADATA } from "../../../src/kafka/wire/metadata.ts";
import type { LogEvents } from "../../../src/log/reader.ts";
import { startFaultProxy } from "../../_support/kafka/faults/proxy.ts";
import {
  answerOf,
  type Send,
  startScriptedBroker,
} from "../../_support/kafka/faults/scripted_broker.ts";
import { createTopic, kafkaTest } from "../../_support/kafka/topic.ts";
import { deadline } from "../../_support/queue.ts";
import { testSettings } from "../../_support/service/settings.ts";

/** Reads nothing of its answer. */
const REQUEST = wireRequest(METADATA, {
  version: 1,
  write: () => {},
  read: () => "a whole answer",
  hasThrottle: false,
});

/** Connects to a broker that answers like this. */
async function connectTo(answer: (request: Uint8Array, send: Send) => Promise<void>) {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(startScriptedBroker(answer));
  const connection = await BrokerConnection.open(broker.address, {
    client: await clientOptions(testSettings("http://127.0.0.1")),
    signal: new AbortController().signal,
  });
  stack.defer(async () => {
    connection.close("the test is over");
    await connection.closed;
  });
  const resources = stack.move();
  return {
    /** Asks, and gives the answer or why there is none. */
    ask: (timeoutMs: number): Promise<string> =>
      deadline("the end of the request", connection.send(REQUEST, { timeoutMs }))
        .catch(({ message }) => message),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Sends an answer in pieces. */
async function sendSlowly(
  answer: Uint8Array,
  { send, pieceBytes, everyMs }: { send: Send; pieceBytes: number; everyMs: number },
): Promise<void> {
  for (let sent = 0; sent < answer.length; sent += pieceBytes) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    await send(answer.subarray(sent, sent + pieceBytes));
  }
}

Deno.test("[KAF10] an answer that arrives for longer than the time limit is read, and so is the next one", async () => {
  await using broker = await connectTo((request, send) =>
    sendSlowly(answerOf(request, 300_000), { send, pieceBytes: 10_000, everyMs: 50 })
  );

  const answers = await Promise.all([broker.ask(1000), broker.ask(1000)]);

  assertEquals(answers, ["a whole answer", "a whole answer"]);
});

Deno.test("[KAF10] a broker that drips an answer is given up", async () => {
  await using broker = await connectTo((request, send) =>
    sendSlowly(answerOf(request, 400_000), { send, pieceBytes: 1, everyMs: 10 })
  );

  const reason = await broker.ask(300);

  assertEquals(reason, "no whole answer, as less than 16384 bytes a second arrive");
});

Deno.test("[KAF10] a broker that stops in an answer is given up, as one that does not answer", async () => {
  await using stopping = await connectTo((request, send) =>
    send(answerOf(request, 400_000).subarray(0, 300_000))
  );
  await using silent = await connectTo(() => Promise.resolve());

  const reasons = await Promise.all([stopping.ask(300), silent.ask(300)]);

  assertEquals(reasons, [
    "no whole answer, and no more of it for 300 ms",
    "no answer within 300 ms",
  ]);
});

kafkaTest(
  "[KAF10] [DEL9] over a line on which a Fetch takes longer than its time limit, all records are read",
  async () => {
    await using topic = await createTopic({ partitions: 4 });
    const values = Array(9).fill("x".repeat(100_000));
    for (const partition of [0, 1, 2, 3]) await topic.produce(values, { partition });
    await using proxy = startFaultProxy({
      brokers: [topic.env.KAFKA_BROKERS],
      random: xoroshiro128plus(1),
    });
    const fault = proxy.begin({ api: "Fetch", does: "answer slowly", bytesPerSecond: 550_000 });
    const told: unknown[] = [];
    let count = 0;
    const events: LogEvents = {
      onTopic: () => {},
      onPartition: () => {},
      onRecord() {
        count++;
        return undefined;
      },
      onPosition: () => {},
      onEnds: () => {},
      onLost: () => {},
      onCut: () => {},
      onSetAside: () => {},
      onTrouble: (trouble) => told.push(trouble),
    };
    const reader = new KafkaReader(testSettings("http://127.0.0.1", {
      KAFKA_BROKERS: proxy.addresses,
      KAFKA_TOPIC: topic.name,
    }));
    await using _reader = { [Symbol.asyncDispose]: () => reader.stop() };
    const startedAt = performance.now();

    await deadline("all records", reader.start(events, { since: 0 }), 15_000);

    const ms = performance.now() - startedAt;
    assertEquals([count, told], [36, []]);
    assert(ms > 6000 && fault.hits < 5, `${fault.hits} answers in ${ms} ms`);
  },
);

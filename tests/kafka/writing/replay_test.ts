/** Reading a record again, to write it again. */
import { assert } from "@std/assert";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { KafkaReader } from "../../../src/kafka/reader.ts";
import { NO_EVENTS } from "../../_support/no_events.ts";
import { startFaultProxy } from "../../_support/kafka/faults/proxy.ts";
import { createTopic, kafkaTest } from "../../_support/kafka/topic.ts";
import { testSettings } from "../../_support/service/settings.ts";

kafkaTest(
  "[KAF10] while a record that is written again is read over a slow line, other questions are answered",
  async () => {
    await using topic = await createTopic();
    await topic.produce(["x".repeat(400_000)]);
    await using proxy = startFaultProxy({
      brokers: [topic.env.KAFKA_BROKERS],
      random: xoroshiro128plus(1),
    });
    const reader = new KafkaReader(testSettings("http://127.0.0.1", {
      KAFKA_BROKERS: proxy.addresses,
      KAFKA_TOPIC: topic.name,
    }));
    await using _reader = { [Symbol.asyncDispose]: () => reader.stop() };
    await reader.start(NO_EVENTS, { since: 0 });
    proxy.begin({ api: "Fetch", does: "answer slowly", bytesPerSecond: 200_000 });
    const startedAt = performance.now();
    let isReplayed = false;
    const replayed = reader.replay({ partition: 0, offset: 0 }).finally(() => isReplayed = true);

    let longestMs = 0;
    while (!isReplayed) {
      const askedAt = performance.now();
      await reader.askEnds();
      longestMs = Math.max(longestMs, performance.now() - askedAt);
    }

    await replayed;
    const replayMs = performance.now() - startedAt;
    assert(replayMs > 2000 && longestMs < 1000, `${longestMs} of ${replayMs} ms`);
  },
);

/** When the metadata is asked for. */
import FakeTimers from "@sinonjs/fake-timers";
import { assertEquals } from "@std/assert";
import type { Brokers } from "../../../src/kafka/brokers/brokers.ts";
import { TopicWatch } from "../../../src/kafka/topic/topic_watch.ts";

Deno.test("[KAF8] a clock that is set back does not put off the next question", async () => {
  const clock = FakeTimers.install();
  const stopping = new AbortController();
  try {
    let asked = 0;
    const metadata = { brokers: [], errorCode: 0, topicId: null, partitions: [] };
    const brokers = {
      askAny: () => Promise.resolve(++asked && metadata),
      learn: () => {},
    } as unknown as Brokers;
    const watch = new TopicWatch(brokers, {
      topic: "news",
      everyMs: 20_000,
      signal: stopping.signal,
    });
    const running = watch.run({
      use: () => Promise.resolve(),
      onError: () => {},
      isTroubled: () => false,
    });

    clock.setSystemTime(-3_600_000);
    watch.soon();
    await clock.tickAsync(1000);

    assertEquals(asked, 1);
    stopping.abort();
    await clock.runAllAsync();
    await running;
  } finally {
    stopping.abort();
    clock.uninstall();
  }
});

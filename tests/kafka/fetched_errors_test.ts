/** What becomes of a leader's errors, with answers that the test makes. */
import FakeTimers from "@sinonjs/fake-timers";
import { assertEquals } from "@std/assert";
import type { BrokerConnection } from "../../src/kafka/brokers/broker_connection.ts";
import { FetchedErrors } from "../../src/kafka/fetched_errors.ts";
import { TopicReading } from "../../src/kafka/topic/topic_reading.ts";
import type { LogEvents } from "../../src/log/reader.ts";

const LIMITS = { maxRecordBytes: 1000, maxBatchBytes: 10_000 };

/** A partition that was read up to offset 7, and what is reported of it. */
function open() {
  const seen: string[] = [];
  const events: LogEvents = {
    onTopic: () => {},
    onPartition: () => {},
    onRecord: () => undefined,
    onPosition: () => {},
    onEnds: () => {},
    onLost: (_, position) => void seen.push(`lost before ${position}`),
    onCut: (_, position) => void seen.push(`cut at ${position}`),
    onSetAside: () => {},
    onTrouble: () => {},
  };
  const { signal } = new AbortController();
  const topicReading = new TopicReading(events, { limits: LIMITS, signal });
  topicReading.open("one", [{ partition: 0, low: 7, end: 7, first: 7 }]);
  const [reading] = topicReading.partitions.values();
  if (!reading) throw new Error("There is a partition");
  reading.follow(1, 3);
  reading.noteEpoch(2);
  const errors = new FetchedErrors({
    topic: "news",
    reading: topicReading,
    reports: {
      onEnds: () => {},
      onError: (source) => void seen.push(`trouble with ${source}`),
      onSuccess: () => {},
      onOldMetadata: () => void seen.push("old metadata"),
    },
  });
  return { reading, errors, seen };
}

/** A connection whose answers are these, in order. */
function connectionWith(...answers: (() => unknown)[]): BrokerConnection {
  const connection = {
    versionOf: () => 2,
    send: () => Promise.resolve(answers.shift()?.()),
  };
  return connection as unknown as BrokerConnection;
}

Deno.test("[KAF10] after any error of a leader, the brokers are asked who leads", async () => {
  const { reading, errors, seen } = open();

  // The disk fails, there is no such replica, the end is not known yet.
  for (const errorCode of [56, 9, 78]) {
    await errors.use(reading, { position: 7, errorCode, connection: connectionWith() });
  }

  assertEquals(seen, Array(3).fill(["old metadata", "trouble with partition 0"]).flat());
});

Deno.test("[KAF10] a clock that is set back does not lengthen the pause after an error", async () => {
  const { reading, errors } = open();
  await errors.use(reading, { position: 7, errorCode: 56, connection: connectionWith() });
  const { retryAt } = reading;

  const clock = FakeTimers.install({ now: Date.now() - 3_600_000, toFake: ["Date"] });
  try {
    assertEquals(retryAt - performance.now() <= 1000, true);
    await errors.use(reading, { position: 7, errorCode: 56, connection: connectionWith() });
    assertEquals(reading.retryAt >= retryAt, true);
  } finally {
    clock.uninstall();
  }
});

Deno.test("[DEL13] an answer about bounds without the partition, or without an offset, cuts nothing", async () => {
  for (const told of [[], [{ partition: 0, errorCode: 0, offset: -1 }]]) {
    const { reading, errors, seen } = open();
    const low = () => [{ partition: 0, errorCode: 0, offset: 0 }];

    await errors.use(reading, {
      position: 7,
      errorCode: 1,
      connection: connectionWith(low, () => told),
    });

    assertEquals([reading.position, seen], [7, ["old metadata", "trouble with partition 0"]]);
  }
});

Deno.test("[DEL13] what a leader says of epochs does not count for the leader after it", async () => {
  const { reading, errors } = open();

  const known = await errors.validate(
    connectionWith(() => {
      reading.follow(2, 4);
      return [{ partition: 0, errorCode: 0, epoch: 2, endOffset: 7 }];
    }),
    [reading],
  );

  assertEquals([known, reading.validEpoch], [[], 3]);
});

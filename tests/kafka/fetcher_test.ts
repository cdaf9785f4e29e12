/** What a fetcher makes of a leader's answers, which the test makes. */
import { assertEquals } from "@std/assert";
import type { BrokerConnection } from "../../src/kafka/brokers/broker_connection.ts";
import { Fetcher } from "../../src/kafka/fetcher.ts";
import { TopicReading } from "../../src/kafka/topic/topic_reading.ts";
import type { FetchedPartition } from "../../src/kafka/wire/fetch.ts";
import { NO_EVENTS } from "../_support/no_events.ts";

/** An answer of a leader whose log ends at 70. */
const CUT: FetchedPartition = {
  partition: 0,
  errorCode: 0,
  highWatermark: 70,
  lastStableOffset: 70,
  logStartOffset: 0,
  divergingEpoch: null,
  abortedTransactions: [],
  records: new Uint8Array(0),
};

Deno.test("[DEL13] the start ends if the log is cut at the position, before anything was read", async () => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const limits = { maxRecordBytes: 1000, maxBatchBytes: 10_000 };
  const reading = new TopicReading(NO_EVENTS, { limits, signal });
  reading.open("one", [{ partition: 0, low: 0, end: 100, first: 71 }]);
  reading.partitions.follow([{ partition: 0, errorCode: 0, leader: 1, leaderEpoch: 3 }]);
  let asked = 0;
  const connection = {
    address: "a:1",
    isClosed: false,
    close: () => {},
    versionOf: () => 13,
    send: () => Promise.resolve(++asked && { errorCode: 0, partitions: [CUT] }),
  };
  const fetcher = new Fetcher(1, {
    topic: "news",
    brokers: { open: () => Promise.resolve(connection as unknown as BrokerConnection) },
    reading,
    reports: {
      onEnds: () => {},
      onError: (_, error) => stopping.abort(error),
      onSuccess: () => {},
      onOldMetadata: () => {},
    },
    signal,
    endsWithinMs: 5000,
  });

  const running = fetcher.run();
  await reading.caughtUp;
  stopping.abort();
  await running;

  assertEquals([signal.reason.name, asked >= 3], ["AbortError", true]);
});

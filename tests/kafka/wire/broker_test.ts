/** Requests of each version, to a real broker. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createTopic, kafkaTest } from "../../_support/kafka/topic.ts";
import { connectWire, readTopic } from "../../_support/kafka/wire.ts";
import type { WireApi } from "../../../src/kafka/wire/api.ts";
import { ErrorCode } from "../../../src/kafka/wire/error_codes.ts";
import { FETCH, type FetchOptions, fetchRequest } from "../../../src/kafka/wire/fetch.ts";
import { LEADER_EPOCH, leaderEpochRequest } from "../../../src/kafka/wire/leader_epoch.ts";
import {
  EARLIEST,
  LATEST,
  LIST_OFFSETS,
  listOffsetsRequest,
} from "../../../src/kafka/wire/list_offsets.ts";
import { METADATA, metadataRequest } from "../../../src/kafka/wire/metadata.ts";

function versionsOf({ min, max }: WireApi): number[] {
  return Array.from({ length: max - min + 1 }, (_, i) => min + i);
}

const POSITION = {
  partition: 0,
  offset: 0,
  leaderEpoch: 0,
  lastFetchedEpoch: -1,
  maxBytes: 10_000,
};

function fetchOf(options: Pick<FetchOptions, "topic" | "topicId"> & Partial<FetchOptions>) {
  return { positions: [POSITION], maxWaitMs: 1000, maxBytes: 100_000, ...options };
}

kafkaTest(
  "each version of Metadata tells brokers, partitions and, from 10 on, the topic's id",
  async () => {
    await using topic = await createTopic({ partitions: 3 });
    using broker = await connectWire();
    const ids = new Set<string>();

    for (const version of versionsOf(METADATA)) {
      const metadata = await broker.send(metadataRequest(version, { topic: topic.name }));
      const { brokers, errorCode, topicId, partitions } = metadata;
      assertEquals(brokers.map(({ host, port }) => `${host}:${port}`), [
        Deno.env.get("KAFKA_BROKERS"),
      ]);
      assertEquals(errorCode, 0);
      assertEquals(
        partitions.toSorted((a, b) => a.partition - b.partition),
        [0, 1, 2].map((partition) => ({
          partition,
          errorCode: 0,
          leader: brokers[0]?.nodeId ?? NaN,
          leaderEpoch: version >= 7 ? 0 : -1,
        })),
      );
      assertEquals(topicId !== null, version >= 10);
      if (topicId) ids.add(topicId);
    }

    assertEquals(ids.size, 1);
    assertMatch([...ids][0] ?? "", /^[\w-]{22}$/);
  },
);

kafkaTest("Metadata says that a topic is missing, and does not create it", async () => {
  using broker = await connectWire();
  for (const version of versionsOf(METADATA)) {
    const topic = `missing-${crypto.randomUUID()}`;
    for (let i = 0; i < 2; i++) {
      const { errorCode } = await broker.send(metadataRequest(version, { topic }));
      assertEquals(errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
  }
});

kafkaTest(
  "each version of ListOffsets tells the beginning, the end, and the first since a time",
  async () => {
    await using topic = await createTopic();
    const before = Date.now();
    await topic.produce(["one", "two", "three"]);
    await topic.deleteUpTo(1);
    using broker = await connectWire();

    for (const version of versionsOf(LIST_OFFSETS)) {
      for (
        const [timestamp, offset] of [
          [EARLIEST, 1],
          [LATEST, 3],
          [before, 1],
          [Date.now() + 60_000, -1],
        ] as const
      ) {
        const partitions = [{ partition: 0, leaderEpoch: -1 }];
        const [listed] = await broker.send(
          listOffsetsRequest(version, { topic: topic.name, timestamp, isStable: true, partitions }),
        );
        assertEquals([listed?.errorCode, listed?.offset], [0, offset], `${version} ${timestamp}`);
      }
    }
  },
);

kafkaTest("each version of Fetch reads records", async () => {
  await using topic = await createTopic();
  await topic.produce(["one", "two"]);
  await topic.produce(["three"]);

  for (const version of versionsOf(FETCH)) {
    const { values, fetched } = await readTopic(topic.name, { offset: 1, version });
    assertEquals(values, { 1: "two", 2: "three" });
    const { highWatermark, lastStableOffset, logStartOffset, divergingEpoch } = fetched;
    assertEquals([highWatermark, lastStableOffset, divergingEpoch], [3, 3, null]);
    assertEquals(logStartOffset, version >= 5 ? 0 : -1);
  }
});

kafkaTest("each version of Fetch waits for records, and says when there are none", async () => {
  await using topic = await createTopic();
  using broker = await connectWire();
  const { topicId } = await broker.send(metadataRequest(METADATA.max, { topic: topic.name }));

  for (const version of versionsOf(FETCH)) {
    const fetch = fetchOf({ topic: topic.name, topicId, maxWaitMs: 1 });
    const { errorCode, partitions } = await broker.send(fetchRequest(version, fetch));
    assertEquals(errorCode, 0);
    assertEquals(partitions.map(({ errorCode, records }) => [errorCode, records.length]), [[0, 0]]);
  }
});

kafkaTest("each version of Fetch tells what is wrong with a position", async () => {
  await using topic = await createTopic();
  using broker = await connectWire();
  const { topicId } = await broker.send(metadataRequest(METADATA.max, { topic: topic.name }));
  const positions = [
    { ...POSITION, offset: 5 },
    { ...POSITION, partition: 9 },
  ];

  for (const version of versionsOf(FETCH)) {
    const fetch = fetchOf({ topic: topic.name, topicId, positions, maxWaitMs: 1 });
    const { partitions } = await broker.send(fetchRequest(version, fetch));
    const codes = new Map(partitions.map(({ partition, errorCode }) => [partition, errorCode]));
    assertEquals(codes.get(0), ErrorCode.OFFSET_OUT_OF_RANGE);
    assertEquals(codes.get(9), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
});

kafkaTest("Fetch 9 and later says that the leader's epoch is another one", async () => {
  await using topic = await createTopic();
  using broker = await connectWire();
  const { topicId } = await broker.send(metadataRequest(METADATA.max, { topic: topic.name }));
  const positions = [{ ...POSITION, leaderEpoch: 3 }];

  for (const version of versionsOf(FETCH).filter((version) => version >= 9)) {
    const fetch = fetchOf({ topic: topic.name, topicId, positions });
    const { partitions } = await broker.send(fetchRequest(version, fetch));
    assertEquals(partitions[0]?.errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH);
  }
});

kafkaTest("Fetch 13 says that a topic with the same name is another one", async () => {
  await using topic = await createTopic();
  using broker = await connectWire();

  const topicId = "AAAAAAAAAAAAAAAAAAAABw";
  const fetch = fetchOf({ topic: topic.name, topicId });
  const { partitions } = await broker.send(fetchRequest(13, fetch));

  assertEquals(partitions[0]?.errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
});

kafkaTest("each version of OffsetForLeaderEpoch tells where an epoch ends", async () => {
  await using topic = await createTopic();
  await topic.produce(["one", "two"]);
  using broker = await connectWire();

  for (const version of versionsOf(LEADER_EPOCH)) {
    const questions = [
      { partition: 0, currentEpoch: 0, epoch: 0 },
      { partition: 9, currentEpoch: -1, epoch: 0 },
    ];
    const ends = await broker.send(leaderEpochRequest(version, { topic: topic.name, questions }));
    const [known, missing] = ends.toSorted((a, b) => a.partition - b.partition);
    assertEquals(known, { partition: 0, errorCode: 0, epoch: 0, endOffset: 2 });
    assert(missing && missing.errorCode !== 0);
  }
});

/** What becomes of metadata, also of brokers that are behind. */
import { assertEquals } from "@std/assert";
import type { LogEvents } from "../../../src/log/reader.ts";
import { TopicFollower } from "../../../src/kafka/topic/topic_follower.ts";
import { TopicReading } from "../../../src/kafka/topic/topic_reading.ts";
import type { TopicMetadata } from "../../../src/kafka/wire/metadata.ts";
import { NO_EVENTS } from "../../_support/no_events.ts";

const LIMITS = { maxRecordBytes: 1000, maxBatchBytes: 10_000 };

/** Metadata of a topic whose partitions have these leaders. */
function metadata(
  topicId: string | null,
  leaders: readonly number[],
  { leaderEpoch = 1 }: { leaderEpoch?: number } = {},
): TopicMetadata {
  const partitions = leaders.map((leader, partition) => ({
    partition,
    errorCode: 0,
    leader,
    leaderEpoch,
  }));
  return { brokers: [], errorCode: 0, topicId, partitions };
}

/** Follows a topic with two partitions, of which nothing was read, and notes what is opened. */
async function follow(topicId: string | null) {
  const opened: string[] = [];
  const events: LogEvents = {
    ...NO_EVENTS,
    onTopic: ({ id }) => void opened.push(`topic ${id}`),
    onPartition: (partition) => void opened.push(`${partition}`),
  };
  const { signal } = new AbortController();
  const reading = new TopicReading(events, { limits: LIMITS, signal });
  reading.open(topicId, [0, 1].map((partition) => ({ partition, low: 0, end: 0, first: 0 })));
  const follower = new TopicFollower(reading);
  await follower.use(metadata(topicId, [1, 2]));
  opened.length = 0;
  return { reading, follower, opened };
}

Deno.test("[KAF8] partitions that are added are opened, and leaders that change are followed", async () => {
  const { reading, follower, opened } = await follow("one");
  assertEquals([...reading.partitions.leaders], [1, 2]);

  await follower.use(metadata("one", [3, 3, 4], { leaderEpoch: 2 }));

  assertEquals([opened, [...reading.partitions.leaders]], [["2"], [3, 4]]);
});

Deno.test("a broker that is behind does not bring back an earlier leader, unless all say so", async () => {
  const { reading, follower } = await follow("one");
  const leaders = [];

  for (const leaderEpoch of [5, 4, 5, 4, 4, 4]) {
    await follower.use(metadata("one", [leaderEpoch, 9], { leaderEpoch }));
    leaders.push(reading.partitions.get(0)?.leader);
  }

  assertEquals(leaders, [5, 5, 5, 5, 5, 4]);
});

Deno.test("[DEL13] a topic with another id is opened, and an id that it had before changes nothing", async () => {
  const { reading, follower, opened } = await follow("one");

  await follower.use(metadata("two", [1]));
  await follower.use(metadata("one", [1, 2]));
  await follower.use(metadata("two", [1]));

  assertEquals([opened, reading.topicId, reading.partitions.size], [["topic two", "0"], "two", 1]);
});

Deno.test("[DEL13] an id that it had before is taken if several brokers in a row tell it", async () => {
  const { reading, follower, opened } = await follow("one");
  const ids = [];

  for (const id of ["two", "one", "one", "two", "one", "one", "one", "two", "two", "one"]) {
    await follower.use(metadata(id, [1]));
    ids.push(reading.topicId);
  }

  assertEquals(ids, [...Array(6).fill("two"), ...Array(4).fill("one")]);
  assertEquals(opened, ["topic two", "0", "topic one", "0"]);
});

Deno.test("[DEL13] with the same id, a broker that tells of fewer partitions is behind", async () => {
  const { reading, follower, opened } = await follow("one");

  for (let i = 0; i < 5; i++) await follower.use(metadata("one", [1]));

  assertEquals([opened, reading.partitions.size], [[], 2]);
});

Deno.test("[DEL13] without ids, a topic with fewer partitions is another one if several brokers say so", async () => {
  const { reading, follower, opened } = await follow(null);

  await follower.use(metadata(null, [1]));
  await follower.use(metadata(null, [1]));
  await follower.use(metadata(null, [1, 2]));
  await follower.use(metadata(null, [1]));
  await follower.use(metadata(null, [1]));
  assertEquals([opened, reading.partitions.size], [[], 2]);
  await follower.use(metadata(null, [1]));

  assertEquals([opened, reading.partitions.size], [["topic null", "0"], 1]);
});

Deno.test("[KAF10] while the topic is missing, what was read of it stays", async () => {
  const { reading, follower, opened } = await follow("one");

  const missing = { ...metadata(null, []), errorCode: 3 };
  const error = await follower.use(missing).catch(({ name, code }) => [name, code]);

  assertEquals(error, ["RefusedError", 3]);
  assertEquals([opened, reading.topicId, reading.partitions.size], [[], "one", 2]);
});

Deno.test("[DEL13] a topic with fewer partitions whose id is no longer told is opened as another one", async () => {
  const { reading, follower, opened } = await follow("one");

  for (let i = 0; i < 3; i++) await follower.use(metadata(null, [1]));

  assertEquals([opened, reading.topicId], [["topic null", "0"], null]);
});

Deno.test("[DEL13] an id that is told later is taken for the topic that is read", async () => {
  const { reading, follower, opened } = await follow(null);

  await follower.use(metadata("one", [1, 2]));
  assertEquals([opened, reading.topicId], [[], "one"]);
  await follower.use(metadata("two", [1]));

  assertEquals([opened, reading.topicId], [["topic two", "0"], "two"]);
});

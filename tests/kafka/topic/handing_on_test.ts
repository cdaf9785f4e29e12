/** How records reach the service: one part at a time, and as far as it can take them. */
import { setTimeout } from "node:timers/promises";
import { assertEquals } from "@std/assert";
import type { LogEvents } from "../../../src/log/reader.ts";
import { TopicReading } from "../../../src/kafka/topic/topic_reading.ts";
import type { FetchedPartition } from "../../../src/kafka/wire/fetch.ts";
import { encodeBatch } from "../../_support/kafka/batches.ts";

const LIMITS = { maxRecordBytes: 1000, maxBatchBytes: 10_000 };
const NOT_ABORTED = new AbortController().signal;

/** Events, written down. Each record waits until it is let go. */
function collect() {
  const seen: string[] = [];
  let letGo: (() => void) | undefined;
  const note = (text: string) => void seen.push(text);
  const events: LogEvents = {
    onTopic: ({ id }) => note(`topic ${id}`),
    onPartition: (partition, { position }) => note(`${partition} from ${position}`),
    onRecord({ partition, offset }) {
      note(`${partition}-${offset}`);
      return new Promise<void>((resolve) => letGo = resolve);
    },
    onPosition: (partition, position) => note(`${partition} at ${position}`),
    onEnds: () => {},
    onLost: (partition, position) => note(`${partition} lost before ${position}`),
    onCut: (partition, position) => note(`${partition} cut at ${position}`),
    onSetAside: (partition, { from, to }) => note(`${partition} set aside ${from} to ${to}`),
    onTrouble: () => {},
  };
  return {
    seen,
    events,
    /** Lets the last record go, and gives what comes then. */
    async next(): Promise<string[]> {
      letGo?.();
      letGo = undefined;
      // Decoding takes some turns. Between two of them, it may pause for a timer.
      for (let turn = 0; turn < 20; turn++) await setTimeout();
      return seen.splice(0);
    },
  };
}

/** A reading of a topic with two partitions that are empty so far. */
function open(events: LogEvents) {
  const reading = new TopicReading(events, { limits: LIMITS, signal: NOT_ABORTED });
  reading.open("one", [0, 1].map((partition) => ({ partition, low: 0, end: 0, first: 0 })));
  reading.partitions.follow(
    [0, 1].map((partition) => ({ partition, errorCode: 0, leader: 1, leaderEpoch: 9 })),
  );
  const [first, second] = reading.partitions.ledBy(1);
  if (!first || !second) throw new Error("There are two partitions");
  return { reading, first, second };
}

/** What a leader answers: a batch from an offset on. */
function fetched(
  partition: number,
  { from = 0, count, epoch = 0 }: { from?: number; count: number; epoch?: number },
): FetchedPartition {
  const records = Array.from({ length: count }, () => ({ value: null }));
  return {
    partition,
    errorCode: 0,
    highWatermark: from + count,
    lastStableOffset: from + count,
    logStartOffset: 0,
    divergingEpoch: null,
    abortedTransactions: [],
    records: encodeBatch(records, { baseOffset: from, leaderEpoch: epoch }),
  };
}

Deno.test("[DEL1] a record comes when the one before it was dealt with, whichever broker it is from", async () => {
  const { events, next } = collect();
  const { reading, first, second } = open(events);
  await next();

  const done = [
    reading.take(first, fetched(0, { count: 2 }), 0),
    reading.take(second, fetched(1, { count: 1 }), 0),
  ];

  const seen = [await next(), await next(), await next(), await next()];
  await Promise.all(done);
  assertEquals(seen, [["0-0"], ["0-1"], ["0 at 2", "1-0"], ["1 at 1"]]);
});

Deno.test("[DEL9] an answer about an earlier position is not taken, as after a change of leaders", async () => {
  const { events, next } = collect();
  const { reading, first } = open(events);
  await next();

  const done = [
    reading.take(first, fetched(0, { count: 1 }), 0),
    reading.take(first, fetched(0, { count: 1 }), 0),
  ];

  const seen = [await next(), await next()];
  await Promise.all(done);
  assertEquals(seen, [["0-0"], ["0 at 1"]]);
});

Deno.test("[DEL13] what was fetched of the topic before it was made again is not taken", async () => {
  const { events, next } = collect();
  const { reading, first } = open(events);
  await next();

  const done = [
    reading.replace("two", [0]),
    reading.take(first, fetched(0, { count: 1 }), 0),
  ];

  const seen = await next();
  await Promise.all(done);
  assertEquals(seen, ["topic two", "0 from 0"]);
});

Deno.test("[DEL13] where a leader says that the log was cut, it is read from there", async () => {
  const { events, next } = collect();
  const { reading, first } = open(events);
  const done = [
    reading.take(first, fetched(0, { count: 1, epoch: 1 }), 0),
    reading.take(first, fetched(0, { from: 1, count: 1, epoch: 3 }), 1),
    reading.cut(first, { epoch: 2, endOffset: 2 }, 2),
    // By now another leader has answered for the old position.
    reading.take(first, fetched(0, { from: 2, count: 1, epoch: 3 }), 2),
    reading.take(first, fetched(0, { from: 1, count: 1, epoch: 4 }), 1),
  ];
  const seen = [];
  for (let i = 0; i < 4; i++) seen.push(...await next());
  await Promise.all(done);
  assertEquals(seen.slice(3), [
    "0-0",
    "0 at 1",
    "0-1",
    "0 at 2",
    "0 cut at 1",
    "0 at 1",
    "0-1",
    "0 at 2",
  ]);
});

Deno.test("[DEL13] if a leader has nothing of what was read, reading goes on where it is", async () => {
  const { events, next } = collect();
  const { reading, first } = open(events);
  const done = [
    reading.take(first, fetched(0, { count: 1, epoch: 3 }), 0),
    reading.cut(first, null, 1),
  ];

  assertEquals([...await next(), ...await next()].slice(3), [
    "0-0",
    "0 at 1",
    "0 cut at 1",
    "0 at 1",
  ]);
  await Promise.all(done);
  // With an epoch that the leader does not know, it would say the same again and again.
  assertEquals(first.lastEpoch, -1);
});

Deno.test("[DEL13] a batch of a lower epoch than one before it shows a replaced log, but only once", async () => {
  const { events, next } = collect();
  const { reading, first } = open(events);
  const done = [
    reading.take(first, fetched(0, { count: 1, epoch: 3 }), 0),
    reading.take(first, fetched(0, { from: 1, count: 1, epoch: 2 }), 1),
    reading.take(first, fetched(0, { count: 1, epoch: 3 }), 0),
    reading.take(first, fetched(0, { from: 1, count: 1, epoch: 2 }), 1),
  ];
  const seen = [];
  for (let i = 0; i < 4; i++) seen.push(...await next());
  await Promise.all(done);
  assertEquals(seen.slice(3), [
    "0-0",
    "0 at 1",
    "0 cut at 0",
    "0 at 0",
    "0-0",
    "0 at 1",
    "0-1",
    "0 at 2",
  ]);
});

Deno.test("[DEL12][DEL13] a position out of the log's range goes to the nearer bound", async () => {
  const { events, next } = collect();
  const { reading, first, second } = open(events);
  await next();

  await reading.moveIntoLog(first, { low: 5, high: 9 }, 0);
  await reading.moveIntoLog(first, { low: 0, high: 3 }, 5);
  // The position is in range now, though the leader said that it is not. The second time, it is a cut.
  for (let times = 0; times < 5; times++) await reading.moveIntoLog(second, { low: 0, high: 9 }, 0);

  assertEquals(await next(), [
    "0 lost before 5",
    "0 at 5",
    "0 cut at 3",
    "0 at 3",
    "1 cut at 0",
    "1 at 0",
  ]);
});

Deno.test("[KAF9] records behind the end that a leader tells are taken when it tells a later one", async () => {
  const { events, next } = collect();
  const { reading, first } = open(events);
  await next();
  const early = { ...fetched(0, { count: 1 }), lastStableOffset: 0 };

  const done = [reading.take(first, early, 0), reading.take(first, early, 0)];
  assertEquals(await next(), []);
  done.push(reading.take(first, fetched(0, { count: 1 }), 0));

  assertEquals([await next(), await next()], [["0-0"], ["0 at 1"]]);
  await Promise.all(done);
});

Deno.test("[KAF9] records that stay behind the end are set aside, as their offsets must be broken", async () => {
  const { events, next } = collect();
  const { reading, first } = open(events);
  await next();
  const broken = { ...fetched(0, { from: 2 ** 40, count: 1 }), lastStableOffset: 7 };

  for (let answer = 0; answer < 4; answer++) await reading.take(first, broken, 0);

  assertEquals(await next(), ["0 set aside 0 to 1", "0 at 1"]);
});

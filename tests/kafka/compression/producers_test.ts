/** What producers write to a real broker. */
import { assertEquals } from "@std/assert";
import { CompressionTypes } from "kafkajs";
import { connectKafka, createTopic, kafkaTest } from "../../_support/kafka/topic.ts";
import { readTopic } from "../../_support/kafka/wire.ts";

kafkaTest("[KAF7] batches of Kafka's own producer are decoded, with each codec", async () => {
  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    await using topic = await createTopic();
    // Long enough to need several blocks and chunks, and not the same everywhere.
    const lines = Array.from({ length: 60 }, (_, i) => `${codec} ${i * i} `.repeat(i * 50 + 1));
    await topic.produceWithConsole(lines, `--compression-codec=${codec}`);

    const { values, setAside } = await readTopic(topic.name);

    assertEquals([values, setAside], [{ ...lines }, []]);
  }
});

kafkaTest("[KAF7] batches of kafkajs are decoded, with times and headers", async () => {
  await using topic = await createTopic();
  const producer = (await connectKafka()).producer();
  await producer.connect();
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    const messages = ["a", null, "c"].map((value, i) => ({
      key: "key",
      value,
      timestamp: String(1_700_000_000_000 + i),
      headers: { traceparent: `00-${value}`, other: ["x", "y"] },
    }));
    await producer.send({ topic: topic.name, compression, messages });
  }
  await producer.disconnect();

  const { records, values } = await readTopic(topic.name);

  assertEquals(values, { 0: "a", 1: null, 2: "c", 3: "a", 4: null, 5: "c" });
  assertEquals(
    records.map(({ timestamp, headers }) => [timestamp - 1_700_000_000_000, headers]),
    [0, 1, 2, 0, 1, 2].map((i) => [i, { traceparent: `00-${["a", null, "c"][i]}` }]),
  );
});

kafkaTest(
  "records of aborted transactions are left out, those of committed ones are not",
  async () => {
    await using topic = await createTopic();
    const transactionalId = `test-${crypto.randomUUID()}`;
    const options = { transactionalId, idempotent: true, maxInFlightRequests: 1 };
    const producer = (await connectKafka()).producer(options);
    await producer.connect();
    for (const [value, isCommitted] of [["a", true], ["b", false], ["c", true]] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: topic.name, messages: [{ value: `${value}1` }] });
      // Written in between, without a transaction.
      await topic.produce([`beside ${value}`]);
      await transaction.send({ topic: topic.name, messages: [{ value: `${value}2` }] });
      await (isCommitted ? transaction.commit() : transaction.abort());
    }
    const open = await producer.transaction();
    await open.send({ topic: topic.name, messages: [{ value: "open" }] });
    await topic.produce(["behind"]);

    const { values, position, setAside, fetched } = await readTopic(topic.name);

    // Offsets 3, 7 and 11 are the marks, 4 and 6 the aborted records.
    assertEquals(values, {
      0: "a1",
      1: "beside a",
      2: "a2",
      5: "beside b",
      8: "c1",
      9: "beside c",
      10: "c2",
    });
    assertEquals([position, setAside], [12, []]);
    assertEquals([fetched.lastStableOffset, fetched.highWatermark], [12, 14]);
    await open.abort();
    await producer.disconnect();
  },
);

/** Answers that are not what the protocol says. */
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import { createTopic, kafkaTest } from "../../_support/kafka/topic.ts";
import { connectWire } from "../../_support/kafka/wire.ts";
import { chooseVersion, type WireApi, type WireRequest } from "../../../src/kafka/wire/api.ts";
import { brokerError } from "../../../src/kafka/wire/error_codes.ts";
import { FETCH, fetchRequest } from "../../../src/kafka/wire/fetch.ts";
import { LEADER_EPOCH, leaderEpochRequest } from "../../../src/kafka/wire/leader_epoch.ts";
import { LATEST, LIST_OFFSETS, listOffsetsRequest } from "../../../src/kafka/wire/list_offsets.ts";
import { METADATA, metadataRequest } from "../../../src/kafka/wire/metadata.ts";
import { BrokenAnswerError } from "../../../src/kafka/wire/wire_reader.ts";

/** A request of each version of each API. */
function allRequests(topic: string, topicId: string | null): WireRequest<unknown>[] {
  const place = { partition: 0, leaderEpoch: -1 };
  const positions = [{ ...place, offset: 0, lastFetchedEpoch: -1, maxBytes: 1000 }];
  const make: [WireApi, (version: number) => WireRequest<unknown>][] = [
    [METADATA, (version) => metadataRequest(version, { topic })],
    [
      LIST_OFFSETS,
      (version) =>
        listOffsetsRequest(version, {
          topic,
          timestamp: LATEST,
          isStable: true,
          partitions: [place],
        }),
    ],
    [
      FETCH,
      (version) =>
        fetchRequest(version, { topic, topicId, positions, maxWaitMs: 1, maxBytes: 1000 }),
    ],
    [
      LEADER_EPOCH,
      (version) =>
        leaderEpochRequest(version, {
          topic,
          questions: [{ partition: 0, currentEpoch: -1, epoch: 0 }],
        }),
    ],
  ];
  return make.flatMap(([{ min, max }, request]) =>
    Array.from({ length: max - min + 1 }, (_, i) => request(min + i))
  );
}

/** Decodes bytes; only a {@linkcode BrokenAnswerError} may be thrown. */
function decodeOrFail({ response }: WireRequest<unknown>, bytes: Uint8Array): void {
  try {
    response.parse(response.decode(bytes));
  } catch (error) {
    assertInstanceOf(error, BrokenAnswerError);
  }
}

Deno.test("any bytes are an answer, or a BrokenAnswerError", () => {
  const requests = allRequests("wss", "AAAAAAAAAAAAAAAAAAAABw");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    for (const request of requests) decodeOrFail(request, bytes);
  }));
});

kafkaTest("an answer that is cut short is broken; one with a changed byte may be", async () => {
  await using topic = await createTopic();
  await topic.produce(["one"]);
  using broker = await connectWire();
  const { topicId } = await broker.send(metadataRequest(METADATA.max, { topic: topic.name }));

  for (const request of allRequests(topic.name, topicId)) {
    const answer = await broker.sendRaw(request);
    for (let length = 0; length < answer.length; length++) {
      assertThrows(() => request.response.decode(answer.slice(0, length)), BrokenAnswerError);
    }
    for (let at = 0; at < answer.length; at++) {
      for (const byte of [0, 1, 0x7f, 0x80, 0xff]) {
        const changed = answer.slice();
        changed[at] = byte;
        decodeOrFail(request, changed);
      }
    }
  }
});

Deno.test("a count of two billion items in an answer takes neither time nor memory", () => {
  const request = listOffsetsRequest(1, {
    topic: "wss",
    timestamp: LATEST,
    isStable: true,
    partitions: [],
  });
  const { message } = assertThrows(
    () => request.response.decode(new Uint8Array([0x7f, 0xff, 0xff, 0xff, 0, 0])),
    BrokenAnswerError,
  );
  assertEquals(
    message,
    "Cannot read the answer to a ListOffsets request: it counts 2147483647 items in 2 bytes",
  );
});

/** What Fetch 12 tells of a partition that ends at 9. */
function fetched12({ epoch, offset, stable }: Record<"epoch" | "offset" | "stable", number[]>) {
  const int32 = [0, 0, 0, 5];
  const int64 = [0, 0, 0, 0, 0, 0, 0, 9];
  const answer = new Uint8Array([
    ...[0, 0, 0, 0, 0], // tags, throttling
    ...[0, 0, 0, 0, 0, 0], // error, session
    ...[2, 4, ...new TextEncoder().encode("wss")], // one topic
    ...[2, 0, 0, 0, 0, 0, 0, ...int64, ...stable, ...int64], // one partition, its offsets
    ...[0, ...int32, 0], // aborted transactions, nearer replica, records
    ...[2, 0, 13, ...epoch, ...offset, 0, 9, 1, 0], // two tagged fields: the first and an unknown one
    ...[0, 0],
  ]);
  const options = { topic: "wss", topicId: null, positions: [], maxWaitMs: 1, maxBytes: 1 };
  const { response } = fetchRequest(12, options);

  return response.parse(response.decode(answer)).partitions;
}

Deno.test("Fetch 12 tells where the log of the leader parts from what was read", () => {
  const offset = [0, 0, 0, 0, 0, 0, 0, 9];
  const partitions = fetched12({ epoch: [0, 0, 0, 5], offset, stable: offset });

  assertEquals(partitions.map(({ divergingEpoch }) => divergingEpoch), [{
    epoch: 5,
    endOffset: 9,
  }]);
});

Deno.test("[DEL13] values of -1 mean that a leader tells no cut and no open transaction", () => {
  const none = Array(8).fill(0xff);
  const partitions = fetched12({ epoch: none.slice(4), offset: none, stable: none });

  assertEquals(
    partitions.map(({ divergingEpoch, lastStableOffset }) => [divergingEpoch, lastStableOffset]),
    [[null, 9]],
  );
});

Deno.test("the highest version is chosen that both sides know", () => {
  const choose = (minVersion: number, maxVersion: number, options?: { max: number }) =>
    chooseVersion(FETCH, { 1: { minVersion, maxVersion } }, options);

  assertEquals([choose(0, 11), choose(4, 18), choose(4, 18, { max: 12 })], [11, 13, 12]);
  assertThrows(
    () => choose(0, 3),
    Error,
    "The broker knows versions 0 to 3 of Fetch requests, and this service 4 to 13",
  );
  assertThrows(() => choose(14, 18), Error, "versions 14 to 18");
  assertThrows(() => chooseVersion(METADATA, {}), Error, "does not know Metadata requests");
});

Deno.test("every error code has a name and a text, also those that kafkajs lacks", () => {
  assertEquals(brokerError(1).name, "OFFSET_OUT_OF_RANGE");
  assertEquals(brokerError(100), {
    code: 100,
    name: "UNKNOWN_TOPIC_ID",
    text: "This server does not host this topic ID",
  });
  assertEquals(brokerError(31_000).text, "The broker answered with the unknown error code 31000");
});

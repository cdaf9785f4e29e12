/** What is told of trouble with Kafka, and when. */
import FakeTimers from "@sinonjs/fake-timers";
import { assertEquals } from "@std/assert";
import { UnreachableError } from "../../src/kafka/brokers/broker_connection.ts";
import { noteLeaders } from "../../src/kafka/note_leaders.ts";
import { PartitionReading } from "../../src/kafka/topic/partition_reading.ts";
import { PartitionReadings } from "../../src/kafka/topic/partition_readings.ts";
import { RefusedError, troubleOf, Troubles } from "../../src/kafka/trouble.ts";
import { ErrorCode } from "../../src/kafka/wire/error_codes.ts";

const SETTINGS = { KAFKA_TOPIC: "news", KAFKA_BROKERS: ["a:1", "b:2"] };

/** Troubles, and what was told of them. */
function collect() {
  const told: (string | null)[] = [];
  const troubles = new Troubles((trouble) => told.push(trouble?.text ?? null));
  return { troubles, told };
}

Deno.test("[KAF10] trouble is told once, however often and in whatever words it comes", () => {
  const { troubles, told } = collect();
  for (const text of ["a is down", "b is down", "a is down"]) {
    troubles.tell("topic", { kind: "unreachable", text });
  }

  troubles.clear("topic");
  troubles.clear("topic");

  assertEquals(told, ["a is down", null]);
});

Deno.test("[KAF10] when one trouble has passed, the next one is told", () => {
  const { troubles, told } = collect();
  troubles.tell("broker 1", { kind: "unreachable", text: "it is down" });
  troubles.tell("partition 3", { kind: "no_leader", text: "nobody leads it" });

  troubles.clear("broker 1");
  troubles.clear("partition 3");

  assertEquals(told, ["it is down", "nobody leads it", null]);
});

Deno.test("[KAF10] the next trouble is told also if it is of the same kind, as it names another broker", () => {
  const { troubles, told } = collect();
  troubles.tell("broker 1", { kind: "unreachable", text: "a is down" });
  troubles.tell("broker 2", { kind: "unreachable", text: "b is down" });

  troubles.clear("broker 1");
  troubles.tell("broker 2", { kind: "unreachable", text: "b is down" });
  troubles.clear("broker 2");

  assertEquals(told, ["a is down", "b is down", null]);
});

Deno.test("[KAF10] trouble that passes within its time of grace is not told", () => {
  const clock = FakeTimers.install();
  try {
    const { troubles, told } = collect();
    const election = { kind: "no_leader", text: "nobody leads it" };
    troubles.tell("partition 3", election, { graceMs: 3000 });
    assertEquals(troubles.isAny, true);
    clock.tick(2000);
    troubles.clear("partition 3");
    troubles.tell("partition 3", election, { graceMs: 3000 });
    clock.tick(2000);
    troubles.tell("partition 3", election, { graceMs: 3000 });
    assertEquals(told, []);

    clock.tick(1000);
    troubles.tell("partition 3", election, { graceMs: 3000 });

    assertEquals(told, ["nobody leads it"]);
  } finally {
    clock.uninstall();
  }
});

Deno.test("[KAF10] trouble with the topic that becomes that of a partition without a leader does not end between", () => {
  const { troubles, told } = collect();
  const partitions = new PartitionReadings([[3, new PartitionReading(3, 0)]]);
  const note = () =>
    noteLeaders(partitions, {
      troubles,
      onError: (source, error, { graceMs = 3000 } = {}) =>
        troubles.tell(source, { kind: "no_leader", text: `${error}` }, { graceMs }),
    });
  note();
  assertEquals(told, []);
  troubles.clear("partition 3");

  troubles.tell("topic", { kind: "unreachable", text: "it is down" });
  note();
  partitions.get(3)?.follow(1, 1);
  troubles.clear("partition 3");

  assertEquals([told.length, told[0], told[2]], [3, "it is down", null]);
});

Deno.test("[KAF10] troubles of partitions that are gone are over", () => {
  const { troubles, told } = collect();
  troubles.tell("partition 3", { kind: "no_leader", text: "nobody leads it" });

  troubles.retain((source) => source !== "partition 3");

  assertEquals([told, troubles.isAny], [["nobody leads it", null], false]);
});

Deno.test("[KAF10] trouble is told by what is wrong", () => {
  const cases: [error: unknown, kind: string, text: string][] = [
    [
      new UnreachableError("a:1", "connect ECONNREFUSED"),
      "unreachable",
      "Cannot read from Kafka at a:1: connect ECONNREFUSED",
    ],
    [
      new RefusedError(ErrorCode.TOPIC_AUTHORIZATION_FAILED, "records"),
      "unauthorized",
      "Not authorized to read topic news: allow READ and DESCRIBE of it",
    ],
    [
      new RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "the topic's metadata"),
      "missing_topic",
      'The topic "news" does not exist and the brokers do not create it: create it',
    ],
    [
      new RefusedError(ErrorCode.LEADER_NOT_AVAILABLE, "the leader of partition 3"),
      "no_leader",
      "Cannot get the leader of partition 3: There is no leader for this topic-partition as we are " +
      "in the middle of a leadership election (LEADER_NOT_AVAILABLE)",
    ],
    [
      new RefusedError(56, "records of partition 3"),
      "refused",
      "Cannot get records of partition 3: Disk error when trying to access log file on the disk " +
      "(KAFKA_STORAGE_ERROR)",
    ],
    [
      new TypeError("x is undefined"),
      "defect",
      "Cannot read from Kafka at a:1, b:2: x is undefined",
    ],
  ];
  for (const [error, kind, text] of cases) assertEquals(troubleOf(error, SETTINGS), { kind, text });
});

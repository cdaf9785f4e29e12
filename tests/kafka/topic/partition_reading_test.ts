/** Where a log was cut back, by the epochs of what was read (KIP-101). */
import { assertEquals } from "@std/assert";
import { PartitionReading } from "../../../src/kafka/topic/partition_reading.ts";

/** A partition of which records of epoch 1 were read from 10 on, of epoch 3 from 20 on, up to 30. */
function readUpTo30(): PartitionReading {
  const reading = new PartitionReading(0, 10);
  reading.follow(1, 3);
  reading.noteEpoch(1);
  reading.position = 20;
  reading.noteEpoch(3);
  reading.position = 30;
  return reading;
}

Deno.test("[DEL13] a log is cut where the leader's epoch ends, or where a later one was read", () => {
  const reading = readUpTo30();
  for (
    const [bound, cut] of [
      [{ epoch: 3, endOffset: 30 }, undefined],
      [{ epoch: 3, endOffset: 40 }, undefined],
      [{ epoch: 3, endOffset: 25 }, 25],
      // The leader's log has no epoch 3, and more of epoch 2 than was read of epoch 1.
      [{ epoch: 2, endOffset: 28 }, 20],
      [{ epoch: 1, endOffset: 15 }, 15],
      // What was read before the first known epoch may be gone as well.
      [{ epoch: 0, endOffset: 5 }, 5],
      [{ epoch: -1, endOffset: -1 }, 0],
    ] as const
  ) assertEquals(reading.cutAt(bound), cut, JSON.stringify(bound));
});

Deno.test("[DEL13] after a cut the epochs behind it are forgotten", () => {
  const reading = readUpTo30();
  const epochs = [reading.lastEpoch];
  for (const position of [25, 20, 10]) {
    reading.goBack(position);
    epochs.push(reading.lastEpoch);
  }
  assertEquals([epochs, reading.position], [[3, 3, 1, -1], 10]);
});

Deno.test("[DEL13] what was not read has no epoch: the leader would take an older one for a cut", () => {
  const reading = readUpTo30();
  reading.skip(40, -1);
  assertEquals([reading.position, reading.lastEpoch], [40, -1]);

  reading.noteEpoch(3);
  assertEquals(reading.lastEpoch, 3);
});

Deno.test("[KAF9] the epoch of a batch that the leader can't have is not taken", () => {
  const reading = readUpTo30();
  reading.noteEpoch(2 ** 30);
  assertEquals(reading.lastEpoch, -1);
});

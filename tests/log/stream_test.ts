import { assertEquals } from "@std/assert";
import type { Cursor } from "../../src/log/cursor.ts";
import { ReadPosition } from "../../src/log/read_position.ts";
import { Stream } from "../../src/log/stream.ts";
import type { Entry, ResumePoint } from "../../src/log/window.ts";
import { toJson } from "../../src/protocol/frames.ts";
import { notificationTarget } from "../../src/protocol/target.ts";

const TARGET = notificationTarget({ userId: "42", types: [] });
const TO = { by: "user", user: "42", type: "a" } as const;
/** Before and after the first partition was cut back. */
const [OLD, NEW] = [1000, 2000];

/** A stream of two partitions that was started with a log, and has read none of it so far. */
function streamFrom(positions: readonly number[]): Stream {
  const stream = new Stream({ topic: "wss", windowMs: 60_000, maxBytes: 1_000_000 });
  for (const [partition, position] of positions.entries()) {
    stream.open(partition, { first: position, position });
  }
  return stream;
}

/** Reads a record for the target. */
function read(stream: Stream, partition: number, offset: number, timestamp: number): Entry {
  const record = { partition, offset, timestamp, readAt: Date.now() };
  return stream.read(record, { does: "update", to: TO, payload: toJson(offset) }) as Entry;
}

/** The place after five records of the first partition, of which the last two were cut off since. */
function placeBeforeCut(stream: Stream): ResumePoint {
  const old = streamFrom([0, 0]);
  for (let offset = 0; offset < 5; offset++) read(old, 0, offset, OLD);
  return stream.locate(stream.decode(old.cursor) as Cursor, TARGET) as ResumePoint;
}

Deno.test("[DEL13] if a reader was ahead of the instance when the log was cut back, the next cursor does not resume either", () => {
  const stream = streamFrom([3, 0]);
  const reader = new ReadPosition(placeBeforeCut(stream));
  const entry = read(stream, 1, 0, NEW);
  reader.pass(entry, { target: TARGET, window: stream.window });
  const cursor = stream.decode(stream.cursorOf(reader));

  const other = streamFrom([3, 0]);
  for (const offset of [3, 4, 5]) read(other, 0, offset, NEW);
  read(other, 1, 0, NEW);

  assertEquals([cursor?.positions, cursor?.times[0]], [[5, 1], OLD]);
  assertEquals(other.locate(cursor as Cursor, TARGET), "other_log");
});

Deno.test("[DEL13] if a client skips to a place of a log that was cut back since, what was written anew is not taken for that", () => {
  const stream = streamFrom([3, 0]);
  const reader = new ReadPosition(stream.liveEnd);
  reader.skipTo(placeBeforeCut(stream));

  const entry = read(stream, 0, 3, NEW);

  assertEquals(reader.pass(entry, { target: TARGET, window: stream.window }), "of another log");
});

Deno.test("the latest hundred breaks of the log are remembered", () => {
  const stream = new Stream({ topic: "wss", windowMs: 60_000, maxBytes: 1_000_000 });
  stream.open(0, { first: 0, position: 0 });
  for (let to = 1; to <= 150; to++) stream.jump(0, to);
  assertEquals(stream.losses.length, 100);
  assertEquals(stream.losses.at(-1)?.records?.to, 150);
});

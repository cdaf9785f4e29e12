import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CursorCodec, MAX_TIME_MS } from "../../src/log/cursor.ts";

const codec = new CursorCodec({ name: "wss", id: "AAAA" });
const NOW = 1_795_392_000_000;

/** Positions and ages of the times of so many partitions. */
function placesArbitrary(partitions: { minLength: number; maxLength: number }) {
  const place = fc.record({
    position: fc.oneof(fc.nat(100), fc.maxSafeNat().map((n) => n % MAX_TIME_MS)),
    ageMs: fc.oneof(fc.nat(2000), fc.nat(NOW)),
  });
  return fc.array(place, partitions);
}

function encode(places: readonly { position: number; ageMs: number }[]): string {
  return codec.encode({
    positions: places.map(({ position }) => position),
    times: places.map(({ ageMs }) => NOW - ageMs),
    timeMs: NOW,
  });
}

Deno.test("[DEL3] a cursor of up to 16 partitions has all positions and times as they were", () => {
  fc.assert(fc.property(placesArbitrary({ minLength: 0, maxLength: 16 }), (places) => {
    const cursor = codec.decode(encode(places));
    assertEquals(cursor?.positions, places.map(({ position }) => position));
    assertEquals(cursor?.times, places.map(({ ageMs }) => NOW - ageMs));
    assertEquals([cursor?.timeMs, cursor?.idMark], [NOW, codec.idMark]);
  }));
});

Deno.test("[DEL3][DEL6] with more partitions, a time is up to an eighth of its age later, and never earlier", () => {
  fc.assert(fc.property(placesArbitrary({ minLength: 17, maxLength: 300 }), (places) => {
    const cursor = codec.decode(encode(places));
    assertEquals(cursor?.positions, places.map(({ position }) => position));
    for (const [i, { ageMs }] of places.entries()) {
      const late = (cursor?.times[i] ?? NaN) - (NOW - ageMs);
      // Half a year is the greatest age.
      assert(late >= 0 && (late <= ageMs / 8 || ageMs > 15 * 2 ** 30), `${late} of ${ageMs} ms`);
    }
  }));
});

Deno.test("[DEL3] a cursor that is rewritten where it differs from the one before is as one that is written anew", () => {
  const time = fc.oneof(fc.nat(2000), fc.nat(NOW)).map((ageMs) => NOW - ageMs);
  const step = fc.record({
    partition: fc.nat(40),
    by: fc.oneof(fc.constant(1), fc.constant(-1), fc.nat(300), fc.maxSafeNat()),
    time,
    laterMs: fc.oneof(fc.constant(0), fc.nat(5), fc.nat(1e6)),
    count: fc.oneof({ weight: 9, arbitrary: fc.constant(40) }, fc.constantFrom(3, 16, 17)),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const rewriting = new CursorCodec({ name: "wss", id: "AAAA" });
    const positions = Array.from({ length: 40 }, (_, i) => 120 + i % 3);
    const times: number[] = [];
    let timeMs = NOW;
    for (const { partition, by, time, laterMs, count } of steps) {
      positions[partition] = Math.abs((positions[partition] ?? 0) + by) % MAX_TIME_MS;
      if (by !== 1) times[partition] = time;
      timeMs += laterMs;
      const cursor = { positions: positions.slice(0, count), times, timeMs };
      const anew = new CursorCodec({ name: "wss", id: "AAAA" }).encode(cursor);
      assertEquals(rewriting.encode(cursor), anew);
    }
  }));
});

Deno.test("[DEL3][DEL5] a partition without a position is named from its beginning, also in front of others", () => {
  for (const partitions of [5, 20]) {
    const positions: number[] = [48];
    positions[partitions - 1] = 1;
    const cursor = codec.decode(codec.encode({ positions, times: [], timeMs: NOW }));
    assertEquals(cursor?.positions, [48, ...Array(partitions - 2).fill(0), 1]);
  }
});

Deno.test("[DEL3] a cursor has at most 50 characters with three partitions, and 900 with 200 of like size", () => {
  fc.assert(fc.property(fc.nat(2 ** 31), fc.infiniteStream(fc.nat(8000)), (start, stream) => {
    const places = [...stream.take(200)]
      .map((offset) => ({ position: start + offset, ageMs: offset }));
    const sizes = [places.slice(0, 3), places].map((each) => encode(each).length);
    assert((sizes[0] ?? NaN) <= 50 && (sizes[1] ?? NaN) <= 900, `${sizes} characters`);
  }));
});

Deno.test("[DEL3][DEL13] cursors of the two older forms are read; the first one names no topic's id", () => {
  const name = createHash("sha256").update("wss").digest();
  const id = createHash("sha256").update("AAAA").digest();
  const number = (n: number, bytes: number) => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeUIntBE(n, 0, bytes);
    return buffer;
  };
  const text = (...parts: readonly Uint8Array[]) => Buffer.concat(parts).toString("base64url");

  const first = codec.decode(
    text(Buffer.from([1]), name.subarray(0, 8), number(NOW, 6), number(7, 6), number(9, 6)),
  );
  assertEquals(first, { idMark: 0, timeMs: NOW, positions: [7, 9], times: [NOW, NOW] });
  const second = codec.decode(text(
    ...[Buffer.from([2]), name.subarray(0, 4), id.subarray(0, 4), number(NOW, 6)],
    ...[number(7, 6), number(5, 3), number(9, 6), number(0, 3)],
  ));
  assertEquals(second, {
    idMark: codec.idMark,
    timeMs: NOW,
    positions: [7, 9],
    times: [NOW - 5, NOW],
  });
});

Deno.test("[DEL6] a text that is no cursor is told, whatever it is", () => {
  const mutated = fc.tuple(placesArbitrary({ minLength: 0, maxLength: 20 }), fc.nat(), fc.nat(255))
    .map(([places, at, byte]) => {
      const bytes = Buffer.from(encode(places), "base64url");
      bytes[at % bytes.length] = byte;
      return bytes.toString("base64url");
    });
  fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String(), mutated), (text) => {
    const cursor = codec.decode(text);
    if (!cursor) return;
    assertEquals(cursor.times.length, cursor.positions.length);
    assert(cursor.positions.every((position) => position >= 0 && position <= MAX_TIME_MS));
    assert(cursor.times.every((time) => time <= cursor.timeMs));
  }));
  const cursor = encode([{ position: 300, ageMs: 300 }]);
  const shortened = Array.from(cursor, (_, i) => codec.decode(cursor.slice(0, i)));
  assertEquals(shortened.filter((one) => one !== null && one.positions.length > 0), []);
  assertEquals(new CursorCodec({ name: "other", id: "AAAA" }).decode(cursor), null);
});

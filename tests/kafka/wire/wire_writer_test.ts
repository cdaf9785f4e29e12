import { assertEquals } from "@std/assert";
import { WireReader } from "../../../src/kafka/wire/wire_reader.ts";
import { WireWriter } from "../../../src/kafka/wire/wire_writer.ts";

/** Each primitive: how it is written, and how it is read. */
const PRIMITIVES: Record<string, [(to: WireWriter) => void, (from: WireReader) => unknown]> = {
  boolean: [(to) => to.boolean(true), (from) => from.boolean()],
  int16: [(to) => to.int16(-2), (from) => from.int16()],
  int32: [(to) => to.int32(70_000), (from) => from.int32()],
  int64: [(to) => to.int64(-3e12), (from) => from.int64()],
  string: [(to) => to.string("wss·"), (from) => from.string()],
  uuid: [(to) => to.uuid("AAAAAAAAAAAAAAAAAAAABw"), (from) => from.uuid()],
  array: [
    (to) => to.array([7, 8], (item) => to.int32(item)),
    (from) => from.array(() => from.int32()),
  ],
};
const EXPECTED = [true, -2, 70_000, -3e12, "wss·", "AAAAAAAAAAAAAAAAAAAABw", [7, 8]];

Deno.test("a request of many partitions is as long as it must be, wherever its bytes have to grow", () => {
  for (const isFlexible of [false, true]) {
    for (const [i, [name, [write, read]]] of Object.entries(PRIMITIVES).entries()) {
      for (let before = 230; before < 530; before++) {
        const writer = new WireWriter({ isFlexible });
        for (let n = 0; n < before; n++) writer.boolean(n % 2 === 0);
        write(writer);
        const reader = new WireReader(writer.bytes(), { isFlexible, name });
        const booleans = Array.from({ length: before }, () => reader.boolean());
        const value = read(reader);
        assertEquals([booleans.every((is, n) => is === (n % 2 === 0)), value], [true, EXPECTED[i]]);
      }
    }
  }
});

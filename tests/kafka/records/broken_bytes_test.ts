/** Whatever the bytes are: nothing is thrown, every part moves the position, and it comes to an end. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type CodecName,
  CODECS,
  concat,
  encodeBatch,
  encodeContent,
  finishBatch,
  seal,
} from "../../_support/kafka/batches.ts";
import { decodeAll } from "../../_support/kafka/decode.ts";
import { crc32c } from "../../../src/kafka/records/crc32c.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const codecs = Object.keys(CODECS) as CodecName[];

/** Bytes of a header that the checksum does not cover. */
const UNCHECKED_BYTES = 17;

Deno.test("CRC-32C is that of RFC 3720, also piece by piece", () => {
  const digits = bytes("123456789");
  assertEquals(crc32c(digits), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat({ max: 50 }), (bytes, at) => {
    assertEquals(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at))), crc32c(bytes));
  }));
});

Deno.test("[KAF9] any bytes are decoded or set aside", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat({ max: 100 }),
    fc.boolean(),
    async (records, position, isWhole) => {
      const { parts } = await decodeAll(records, { position, end: 1000, isWhole });
      // Else the reader would ask for the same again and again.
      assertEquals(parts.length > 0, records.length > 0);
      assert(!isWhole || parts.every(({ kind }) => kind !== "incomplete"));
    },
  ));
});

Deno.test("[KAF9] any content of a batch is decoded or set aside, whatever the codec", async () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // Small numbers are likelier to be lengths and tokens that mean something.
    fc.array(fc.nat({ max: 20 }), { maxLength: 200 }).map((numbers) => new Uint8Array(numbers)),
  );
  const counts = { count: fc.integer({ min: -1, max: 50 }), lastDelta: fc.nat({ max: 50 }) };
  const isCompressed = fc.boolean();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...codecs),
      content,
      fc.record({ ...counts, isCompressed, producerId: fc.nat({ max: 2 }), attributes: fc.nat() }),
      async (codec, content, { isCompressed, attributes, ...options }) => {
        const flags = attributes & 0x38;
        const batch = isCompressed
          ? encodeContent(content, { ...options, codec, attributes: flags })
          : finishBatch(content, { ...options, attributes: flags | CODECS[codec] });
        const abortedTransactions = [{ producerId: 1n, firstOffset: 0 }];

        const { position } = await decodeAll(batch, { abortedTransactions });

        assertEquals(position, options.lastDelta + 1);
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("[KAF9] a changed byte of a batch is found, or changes no record", async () => {
  for (const codec of codecs) {
    const records = Array.from({ length: 5 }, (_, i) => ({
      key: bytes(`key ${i}`),
      value: bytes(`value ${i} `.repeat(i)),
      headers: [["traceparent", bytes("00-1")], ["other", null]] as const,
    }));
    const before = encodeBatch(records.slice(0, 2), { baseOffset: 0 });
    const batch = encodeBatch(records, { codec, baseOffset: 2 });
    const after = encodeBatch(records.slice(0, 2), { baseOffset: 7 });
    const good = await decodeAll(concat([before, batch, after]), { end: 9 });

    for (let at = 0; at < batch.length; at++) {
      for (const flip of [0x01, 0x80]) {
        const changed = batch.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        const { values, setAside, position } = await decodeAll(
          concat([before, changed, after]),
          { end: 9 },
        );
        assert(position <= 9);
        // The checksum does not cover the offset. One that is still between those of the neighbours,
        // or nearly so, can't be told from a good one.
        if (at < 8) continue;
        for (const [offset, value] of Object.entries(values)) {
          assertEquals(value, good.values[Number(offset)], `${codec} byte ${at}`);
        }
        const found = position < 9 || setAside.length > 0;
        assert(found || at < UNCHECKED_BYTES, `${codec} byte ${at}`);
        // What is neither decoded nor set aside is behind the position, and is asked for again.
        for (let offset = 0; offset < position; offset++) {
          const isAside = setAside.some(({ from, to }) => from <= offset && offset < to);
          assert(isAside || offset in values, `${codec} byte ${at}: offset ${offset}`);
        }
      }
    }
  }
});

Deno.test("[KAF9] a changed byte of a batch with a checksum that fits ends nothing", async () => {
  for (const codec of codecs) {
    const records = Array.from({ length: 3 }, (_, i) => ({
      value: bytes(`value ${i} `.repeat(10 * i)),
      headers: [["traceparent", bytes("00-1")], ["other", null]] as const,
    }));
    const batch = encodeBatch(records, { codec });
    for (let at = UNCHECKED_BYTES + 4; at < batch.length; at++) {
      for (const flip of [0x01, 0x10, 0x80, 0xff]) {
        const changed = batch.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        const { position } = await decodeAll(seal(changed), { end: 3 });
        assert(position > 0);
      }
    }
  }
});

/** How much memory batches take that are small in the topic, and large when they are decompressed. */
import { assert, assertEquals } from "@std/assert";
import {
  type CodecName,
  CODECS,
  concat,
  encodeContent,
  encodeRecord,
} from "../../_support/kafka/batches.ts";
import { runScript } from "../../_support/memory/run_script.ts";

const MB = 1_000_000;
/**
 * What decoding may take. V8 collects buffers that nobody uses when there are about 64 MB of them, and
 * later if the machine is busy.
 */
const MOST_BYTES = 128 * MB;
/** What passing over a record may take. Its chunks are given back one by one. */
const MOST_SKIPPED_BYTES = 28 * MB;
/** What is kept of a block of snappy, in which copies may reach back to its beginning. */
const BLOCK_BYTES = 64 * 2 ** 20;
const codecs = Object.keys(CODECS) as CodecName[];

/** Decodes a batch in a process of its own. */
async function measure(batch: Uint8Array): Promise<{ count: number; grownBytes: number }> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeFile(file, batch);
    const [measured] = await runScript("memory/measure_decoding.ts", [file]);
    return measured as { count: number; grownBytes: number };
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("[KAF11] a value of 150 MB takes little memory, with each codec; with snappy, little more than a batch's limit", async () => {
  const content = concat([
    encodeRecord({ delta: 0, value: new Uint8Array(150 * MB).fill(97) }),
    encodeRecord({ delta: 1, value: new Uint8Array(1) }),
  ]);
  for (const codec of codecs.filter((codec) => codec !== "none")) {
    const batch = encodeContent(content, { codec, count: 2 });
    const { count, grownBytes } = await measure(batch);
    assertEquals(count, 0);
    const most = codec === "snappy" ? MOST_SKIPPED_BYTES + BLOCK_BYTES : MOST_SKIPPED_BYTES;
    assert(grownBytes < most, `${codec}: ${grownBytes}`);
  }
});

Deno.test("[KAF11] small records, just below a batch's limit, take little more memory than their content", async () => {
  const count = 125_000;
  const value = new Uint8Array(512);
  const records: Uint8Array[] = [];
  for (let delta = 0; delta < count; delta++) records.push(encodeRecord({ delta, value }));
  const content = concat(records);
  assert(content.length > 64 * MB && content.length < 64 * 2 ** 20);
  for (const codec of codecs) {
    const measured = await measure(encodeContent(content, { codec, count }));
    assertEquals(measured.count, count);
    assert(measured.grownBytes < MOST_BYTES, `${codec}: ${measured.grownBytes}`);
  }
});

/** Batches and records at the limits, beside a client that must not notice them. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { anyShape, jsonOf, near, type ShapeName } from "../../_support/abuse/texts.ts";
import { startVictim, tryAttacks } from "../../_support/abuse/victim.ts";
import {
  CODECS,
  concat,
  encodeBatch,
  finishBatch,
  type TestRecord,
  varint,
} from "../../_support/kafka/batches.ts";

const MIB = 1024 ** 2;
const MAX_RECORD_BYTES = MIB;
const MAX_BATCH_BYTES = 4 * MIB;
const RUNS = 15;
/** What the window and the quarantine keep. */
const KEPT_BYTES = 2 * MIB;
/** V8 collects buffers that nobody uses when there are about 64 MB of them. */
const MOST_BYTES = 160 * MIB;
const BUDGET = { parses: 2, keptBytes: KEPT_BYTES, leftBytes: KEPT_BYTES, mostBytes: MOST_BYTES };
const settings = {
  MAX_RECORD_BYTES,
  MAX_BATCH_BYTES,
  RECOVERY_MAX_BYTES: MIB,
  QUARANTINE_SIZE: 100,
};
const encoder = new TextEncoder();

/** Records of one kind. */
interface Group {
  readonly as: "value" | "data" | "user" | "subscriptions" | "reload" | "key" | "header";
  readonly shape: ShapeName;
  readonly bytes: number;
  readonly records: number;
}

type Attack =
  | { readonly is: "batch"; readonly codec: keyof typeof CODECS; readonly groups: readonly Group[] }
  | { readonly is: "bomb"; readonly codec: "gzip" | "zstd"; readonly bytes: number }
  | {
    readonly is: "broken";
    readonly codec: keyof typeof CODECS;
    readonly at: number;
    readonly count: number;
  };

const codec = fc.constantFrom(...Object.keys(CODECS) as (keyof typeof CODECS)[]);
const group: fc.Arbitrary<Group> = fc.record({
  as: fc.constantFrom("value", "data", "user", "subscriptions", "reload", "key", "header"),
  shape: anyShape,
  bytes: fc.oneof(near(MAX_RECORD_BYTES), near(64 * 1024), fc.nat(300)),
  records: fc.constantFrom(1, 1, 2, 9, 2000),
});
const attack: fc.Arbitrary<Attack> = fc.oneof(
  {
    arbitrary: fc.record({
      is: fc.constant("batch" as const),
      codec,
      groups: fc.array(group, { minLength: 1, maxLength: 3 }),
    }),
    weight: 4,
  },
  fc.record({
    is: fc.constant("bomb" as const),
    codec: fc.constantFrom("gzip", "zstd"),
    bytes: fc.constantFrom(MAX_BATCH_BYTES - 100, MAX_BATCH_BYTES + 1, 100 * MIB),
  }),
  fc.record({ is: fc.constant("broken" as const), codec, at: fc.nat(), count: fc.integer() }),
);

const EXAMPLES: Attack[] = [
  { is: "bomb", codec: "zstd", bytes: 300 * MIB },
  { is: "bomb", codec: "gzip", bytes: 100 * MIB },
  ...(["wide numbers", "nested arrays", "strings like indices", "many keys"] as const).map((
    shape,
  ): Attack => ({
    is: "batch",
    codec: "zstd",
    groups: [{ as: "data", shape, bytes: MAX_RECORD_BYTES, records: 1 }],
  })),
  {
    is: "batch",
    codec: "lz4",
    groups: [{ as: "subscriptions", shape: "many ids", bytes: MAX_RECORD_BYTES, records: 4 }],
  },
];

/** The value of a record around JSON: the whole value has so many bytes. */
function valueOf({ as, shape, bytes }: Group): Uint8Array {
  const [start, end] = {
    value: ["", ""],
    key: ["", ""],
    header: ["", ""],
    data: ['{"type":"notification","document":{"userId":"66","type":"a","data":', "}}"],
    user: ['{"type":"logout","document":{"userId":', "}}"],
    subscriptions: ['{"type":"update_subscription","document":{"subscriptions":', "}}"],
    reload: [
      '{"type":"update_subscription","document":{"options":{"reload":true},"subscriptions":',
      "}}",
    ],
  }[as] as [string, string];
  return encoder.encode(
    start + jsonOf(shape, Math.max(1, bytes - start.length - end.length)) + end,
  );
}

function recordsOf(group: Group): TestRecord[] {
  const bytes = valueOf(group);
  const record = group.as === "key"
    ? { key: bytes, value: null }
    : group.as === "header"
    ? { value: null, headers: [["replays", bytes], ["traceparent", bytes]] as const }
    : { value: bytes };
  // No more than twice what may be in a batch.
  const most = Math.max(1, Math.floor(2 * MAX_BATCH_BYTES / Math.max(1, bytes.length)));
  return Array(Math.min(group.records, most)).fill(record);
}

function batchOf(attack: Attack): Uint8Array {
  switch (attack.is) {
    case "batch":
      return encodeBatch(attack.groups.flatMap(recordsOf), { codec: attack.codec });
    case "bomb": {
      const { codec, bytes } = attack;
      // One record of one letter: attributes, deltas and no key in front of the value.
      const fields = concat([new Uint8Array([0, 0, 0, 1]), varint(bytes)]);
      const content = new Uint8Array(bytes + 100).fill(97);
      content.set(concat([varint(fields.length + bytes + 1), fields]));
      const compressed = codec === "gzip" ? gzipSync(content) : zstdCompressSync(content);
      return finishBatch(compressed, { attributes: CODECS[codec], count: 1 });
    }
    case "broken": {
      const { codec, at, count } = attack;
      const records = [{ value: encoder.encode(jsonOf("many keys", 2000)) }];
      const content = encodeBatch(records, { codec }).slice(61);
      content[at % content.length] = (content[at % content.length] ?? 0) ^ 0xff;
      return finishBatch(content, { attributes: CODECS[codec], count, lastDelta: 0 });
    }
  }
}

Deno.test("[KAF9][KAF11] no batch at the limits keeps a client waiting, or takes more than it may", async () => {
  await using victim = await startVictim({ settings, maxBytes: MAX_RECORD_BYTES });
  await tryAttacks(attack, {
    runs: RUNS,
    examples: EXAMPLES,
    attack: (attack) =>
      victim.survives(BUDGET, async () => {
        await victim.read(batchOf(attack));
        return () => Promise.resolve();
      }),
  });
});

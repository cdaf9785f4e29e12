/**
 * A service in a process of its own, whose turns of the event loop and whose memory are measured. It
 * needs `--v8-flags=--expose-gc`. It reads batches from files that a test names, in place of Kafka.
 */
import process from "node:process";
import { answer, childOptions, say } from "../../bench/harness/parent.ts";
import { readBatches } from "../../../src/kafka/records/read_batches.ts";
import type { LogEvents, LogReader } from "../../../src/log/reader.ts";
import { startService } from "../../../src/service.ts";
import type { Settings } from "../../../src/settings/settings.ts";
import { TimeSlice } from "../../../src/util/time_slice.ts";
import { collectGarbage } from "../memory/garbage.ts";
import { testSettings } from "../service/settings.ts";
import { jsonOf, shapeNames } from "./texts.ts";

/** The options of the process. */
export interface SubjectOptions {
  readonly origin: string;
  readonly settings: Partial<Settings>;
  /** The most bytes that the service may parse in one piece. */
  readonly maxBytes: number;
}

/** What a test may ask for. */
export type SubjectQuestion =
  /** Reads a batch, up to the place from which on its records may follow. */
  | { readonly read: string }
  /** Begins to measure. */
  | { readonly begin: true }
  /** What was measured since then. */
  | { readonly measure: true };

/** What was measured since the beginning. */
export interface Measured {
  /** Milliseconds of CPU of the longest turn: another process that takes the CPU does not count. */
  readonly longestTurnMs: number;
  /** Bytes by which the memory of the process grew at most, before any garbage was collected. */
  readonly mostBytes: number;
  /** Bytes that are kept, without garbage, beside those at the beginning. */
  readonly keptBytes: number;
}

/** Milliseconds between two looks at the clock. */
const LOOK_MS = 2;

const { origin, settings: given, maxBytes }: SubjectOptions = childOptions();
// Its log has no leaders, who would tell where it ends.
const settings = testSettings(origin, { DEGRADED_AFTER_SECONDS: 3600, ...given });

/** Milliseconds of CPU of this thread. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function heldBytes(): Promise<number> {
  await collectGarbage({ turns: 3 });
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Milliseconds of CPU that parsing takes, of the text that takes longest of those that may be parsed. */
async function longestParseMs(): Promise<number> {
  const times = shapeNames.map((shape) => {
    const text = jsonOf(shape, maxBytes);
    const startedAt = threadMs();
    JSON.parse(text);
    return threadMs() - startedAt;
  });
  await collectGarbage({ turns: 1 });
  return Math.max(...times);
}

let events: LogEvents | undefined;
let position = 0;
const reader: LogReader = {
  start(given) {
    events = given;
    events.onTopic({ id: null });
    events.onPartition(0, { first: 0, position: 0 });
    return Promise.resolve();
  },
  replay: () => Promise.reject(new Error("There is nothing to replay")),
  askEnds: () => Promise.resolve([position]),
  stop: () => Promise.resolve(),
};
const slice = new TimeSlice();

/** Reads batches as `kafka/topic/topic_reading.ts` does. */
async function read(file: string): Promise<void> {
  const fetched = { partition: 0, position, end: Infinity, abortedTransactions: [] };
  const limits = {
    maxRecordBytes: settings.MAX_RECORD_BYTES,
    maxBatchBytes: settings.MAX_BATCH_BYTES,
  };
  const records = await Deno.readFile(file);
  // Each batch was made with offset 0, which no checksum covers.
  new DataView(records.buffer).setBigInt64(0, BigInt(position));
  for await (const part of readBatches({ ...fetched, records }, { limits, slice })) {
    if (part.kind === "incomplete") continue;
    if (part.kind === "setAside") {
      events?.onSetAside(0, part);
      position = part.to;
      continue;
    }
    for (const record of part.records) await events?.onRecord(record);
    position = part.next;
    events?.onPosition(0, position);
  }
}

let lookedAt = 0;
let longestTurnMs = 0;
let startBytes = 0;
let mostBytes = 0;
let before = 0;

function look(): void {
  const now = threadMs();
  longestTurnMs = Math.max(longestTurnMs, now - lookedAt);
  lookedAt = now;
  mostBytes = Math.max(mostBytes, Deno.memoryUsage().rss - startBytes);
}

async function begin(): Promise<void> {
  before = await heldBytes();
  startBytes = Deno.memoryUsage().rss;
  mostBytes = longestTurnMs = 0;
  lookedAt = threadMs();
}

async function measure(): Promise<Measured> {
  look();
  // Before the collection, which is a turn as well.
  const most = { longestTurnMs, mostBytes };
  const measured = { ...most, keptBytes: await heldBytes() - before };
  ({ longestTurnMs, mostBytes } = most);
  lookedAt = threadMs();
  return measured;
}

const service = startService(settings, reader);
await service.ready;
const parseMs = await longestParseMs();
await begin();
setInterval(look, LOOK_MS);
say({ port: service.address.port, parseMs });
await answer(async (question: SubjectQuestion) => {
  if ("measure" in question) return await measure();
  if ("begin" in question) await begin();
  else await read(question.read);
  return {};
});

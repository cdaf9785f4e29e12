/**
 * What input of every kind leaves on the heap; needs `--v8-flags=--expose-gc`. Prints, for each kind,
 * by how many bytes the heap grows for each frame, value or answer; SEED repeats a run.
 */
import fc from "fast-check";
import type { LogEvents } from "../../../src/log/reader.ts";
import { until } from "../queue.ts";
import { startWss, type Wss } from "../service/wss.ts";
import { askForAnswers, publishValues, sendFrames } from "./feed.ts";
import { answer, frameText, type KafkaValue, kafkaValue } from "./input.ts";

const seed = Number(Deno.env.get("SEED") ?? 0);

/** The bytes by which the heap grows for each, after the first quarter of them. */
async function measure<T>(
  wss: Wss,
  { input, count, feed }: {
    input: fc.Arbitrary<T>;
    count: number;
    feed: (values: T[]) => Promise<unknown>;
  },
): Promise<number> {
  const heap: number[] = [];
  for (let quarter = 0; quarter < 4; quarter++) {
    await feed(fc.sample(input, { numRuns: count / 4, seed: seed + quarter }));
    await until("all are gone", () => wss.service.connections === 0);
    wss.backend.forget();
    globalThis.gc?.();
    globalThis.gc?.();
    heap.push(Deno.memoryUsage().heapUsed);
  }
  const [first = NaN, , , last = NaN] = heap;
  return (last - first) / (count * 3 / 4);
}

async function measureFrames() {
  await using wss = await startWss({ settings: { MAX_SUBSCRIPTIONS: "20" } });
  return await measure(wss, {
    input: frameText,
    count: 20_000,
    feed: (frames) => sendFrames(wss, frames),
  });
}

async function measureValues() {
  let reader: LogEvents | undefined;
  let offset = 0;
  // Unlike the embedded log, it keeps nothing; and the service no more than a quarter fills.
  await using wss = await startWss({
    settings: { RECOVERY_MAX_BYTES: "50000", QUARANTINE_SIZE: "100" },
    createReader: () => ({
      start(events) {
        reader = events;
        events.onPartition(0, { first: 0, position: 0 });
        return Promise.resolve();
      },
      replay: () => Promise.reject(new Error("There is nothing to replay")),
      askEnds: () => Promise.resolve([offset]),
      stop: () => Promise.resolve(),
    }),
  });
  const publish = (value: KafkaValue) => {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    reader?.onRecord({ partition: 0, offset: offset++, timestamp: Date.now(), value: bytes });
  };
  return await measure(wss, {
    input: kafkaValue,
    count: 20_000,
    feed: (values) => publishValues(wss, values, { publish }),
  });
}

async function measureAnswers() {
  await using wss = await startWss();
  return await measure(wss, {
    input: answer,
    count: 10_000,
    feed: (answers) => askForAnswers(wss, answers),
  });
}

const growth = {
  frames: await measureFrames(),
  values: await measureValues(),
  answers: await measureAnswers(),
};
// deno-lint-ignore no-console
console.log(JSON.stringify(growth));
Deno.exit(0);

declare global {
  var gc: (() => void) | undefined;
}

/**
 * Measures what input of every kind leaves on the heap. It needs `--v8-flags=--expose-gc`. The arguments
 * are a seed, which repeats a run, and the number of frames and of values. There are half as many answers.
 * Prints, for each kind, by how many bytes the heap grows for each frame, value or answer, in the
 * quarter in which it grows least: V8 compiles code now and then, while a leak shows in each quarter.
 */
import fc from "fast-check";
import type { LogEvents } from "../../../src/log/reader.ts";
import { usedHeap } from "../memory/garbage.ts";
import { until } from "../queue.ts";
import { startWss, type Wss } from "../service/wss.ts";
import { askForAnswers, publishValues, sendFrames } from "./feed.ts";
import { answer, frameText, type KafkaValue, kafkaValue } from "./input.ts";

const [seed = 0, count = 0] = Deno.args.map(Number);

/** Gives the bytes by which the heap grows for each input, in the quarter in which it grows least. */
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
    heap.push(await usedHeap());
  }
  const growth = heap.slice(1).map((bytes, i) => bytes - (heap[i] ?? NaN));
  return Math.min(...growth) / (count / 4);
}

async function measureFrames() {
  await using wss = await startWss({ settings: { MAX_SUBSCRIPTIONS: 20 } });
  return await measure(wss, {
    input: frameText,
    count,
    feed: (frames) => sendFrames(wss, frames),
  });
}

async function measureValues() {
  let reader: LogEvents | undefined;
  let offset = 0;
  // Unlike the embedded log, this one keeps nothing, and the service keeps no more than a quarter of the input fills.
  await using wss = await startWss({
    settings: { RECOVERY_MAX_BYTES: 50_000, QUARANTINE_SIZE: 100 },
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
    count,
    feed: (values) => publishValues(wss, values, { publish }),
  });
}

async function measureAnswers() {
  await using wss = await startWss();
  return await measure(wss, {
    input: answer,
    count: count / 2,
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

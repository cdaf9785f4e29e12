/** Watches a service's process, second by second. */
import { delay } from "../../../src/util/delay.ts";
import { memoryOf } from "../../_support/service/process.ts";
import type { Delays } from "./well_behaved.ts";

const WINDOW_MS = 1000;
/**
 * In a calm second, and in the one before it, the service waits for a CPU for less than this part of the
 * time. In others, the delays tell about the machine only.
 */
const CALM = 0.1;

/** One second. */
interface Window extends Delays {
  readonly isCalm: boolean;
  readonly mib: number;
}

/** Milliseconds that the main thread of a process has waited for a CPU; 0 where the system does not tell. */
async function waitedMs(pid: number): Promise<number> {
  const cat = new Deno.Command("cat", { args: [`/proc/${pid}/schedstat`], stderr: "null" });
  const { stdout } = await cat.output();
  const [, waitedNs = 0] = new TextDecoder().decode(stdout).split(" ").map(Number);
  return waitedNs / 1e6;
}

function p99(delays: readonly number[]): number {
  const sorted = delays.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? NaN);
}

/** Watches a process for a time. `takeDelays` gives what was measured since its last call. */
export async function watch(
  pid: number,
  { forMs, takeDelays }: { forMs: number; takeDelays: () => Delays },
) {
  const windows: Window[] = [];
  takeDelays();
  let waitedBefore = await waitedMs(pid);
  let startedAt = performance.now();
  for (const endAt = startedAt + forMs; startedAt < endAt;) {
    await delay(WINDOW_MS, new AbortController().signal);
    const mib = await memoryOf(pid);
    const waited = await waitedMs(pid);
    const now = performance.now();
    const isCalm = waited - waitedBefore < CALM * (now - startedAt);
    windows.push({ ...takeDelays(), isCalm, mib });
    [waitedBefore, startedAt] = [waited, now];
  }
  const calm = windows.filter(({ isCalm }, i) => isCalm && windows[i - 1]?.isCalm !== false);
  return {
    /** The part of the seconds that were calm. */
    calmPart: calm.length / windows.length,
    /** 99th percentiles, in milliseconds: of the calm seconds, and of all. */
    calmReplies: p99(calm.flatMap(({ replies }) => replies)),
    replies: p99(windows.flatMap(({ replies }) => replies)),
    pushes: p99(windows.flatMap(({ pushes }) => pushes)),
    mostMib: Math.round(Math.max(...windows.map(({ mib }) => mib))),
  };
}

/** Garbage collection on demand, for processes with `--v8-flags=--expose-gc`. */
import { setImmediate } from "node:timers/promises";

/**
 * Collects everything that is unreachable.
 *
 * @param turns Turns of the event loop: what is finalized in one turn is garbage in the next
 */
export async function collectGarbage({ turns }: { turns: number }): Promise<void> {
  const { gc } = globalThis as { gc?: (options: Record<string, string>) => void };
  for (let turn = 0; turn < turns; turn++) {
    gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
    await setImmediate();
  }
}

/** Bytes of the heap that are in use, without garbage. */
export async function usedHeap(): Promise<number> {
  await collectGarbage({ turns: 1 });
  return Deno.memoryUsage().heapUsed;
}

/** Checks of the heap, measured in processes of their own. */
import { assert } from "@std/assert";
import { runScript } from "./run_script.ts";

/** The bytes that the window counts differ by less than 30 % from those that it takes. */
export async function assertWindowIsCounted({ messages }: { messages: number }): Promise<void> {
  const measured = await runScript("memory/measure_window.ts", [messages]);
  assert(measured.length > 10);
  for (const one of measured as { heap: number; counted: number; maxBytes: number }[]) {
    assert(one.counted <= one.maxBytes, JSON.stringify(one));
    assert(Math.abs(one.heap / one.counted - 1) < 0.3, JSON.stringify(one));
  }
}

/** After all connections, the heap is at most a tenth larger than after the first ones. */
export async function assertConnectionsLeaveNothing(
  { first, all }: { first: number; all: number },
): Promise<void> {
  const [heap] = await runScript("memory/measure_churn.ts", [first, all - first]);
  const [before = NaN, after = NaN] = heap as number[];
  assert(after < 1.1 * before, `${before} MiB, and then ${after} MiB`);
}

/** For each input, the heap grows by less than so many bytes. */
export async function assertInputLeavesNothing(
  { seed, inputs, maxBytes }: { seed: number; inputs: number; maxBytes: number },
): Promise<void> {
  const [growth] = await runScript("fuzz/measure.ts", [seed, inputs]);
  for (const [kind, bytes] of Object.entries(growth as Record<string, number>)) {
    assert(bytes < maxBytes, `seed ${seed}: ${bytes} bytes for each of the ${kind}`);
  }
}

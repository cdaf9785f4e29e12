/** The other end of {@linkcode startChild}: what a process of a benchmark is told, and says. */
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { readLines } from "../../_support/lines.ts";

/** What the process was told at its start. */
// deno-lint-ignore no-explicit-any
export function childOptions(): any {
  return JSON.parse(Deno.args[0] ?? "{}");
}

/** Says something to the parent. */
export function say(answer: unknown): void {
  // deno-lint-ignore no-console
  console.log(JSON.stringify(answer));
}

/** Answers all questions in their order; ends the process when the parent is gone. */
// deno-lint-ignore no-explicit-any
export async function answer(respond: (question: any) => unknown): Promise<never> {
  let last = Promise.resolve();
  await readLines(Deno.stdin.readable, (line) => {
    last = last.then(async () => say(await respond(JSON.parse(line))));
  });
  Deno.exit();
}

/** Milliseconds of CPU that this process has taken, all its threads and the kernel's work for it. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Bytes of memory of this process when garbage is collected and V8 has given back what it can do
 * without; it does so by itself where it has been quiet for half a minute.
 */
export async function residentBytes(): Promise<number> {
  const { gc } = globalThis as { gc?: (options: Record<string, string>) => void };
  // What is finalized in a turn is garbage in the next.
  for (let turn = 0; turn < 4; turn++) {
    gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
    await setImmediate();
  }
  return Deno.memoryUsage().rss;
}

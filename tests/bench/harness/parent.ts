/** The other end of {@linkcode startChild}: the options, questions and answers of a process. */
import process from "node:process";
import { collectGarbage } from "../../_support/memory/garbage.ts";
import { readLines } from "../../_support/lines.ts";

/** Gives the options of the process. */
export function childOptions<T>(): T {
  return JSON.parse(Deno.args[0] ?? "{}");
}

/** Sends a line to the parent. */
export function say(answer: unknown): void {
  // deno-lint-ignore no-console
  console.log(JSON.stringify(answer));
}

/** Answers all questions in their order. Ends the process when the parent is gone. */
export async function answer<Q>(respond: (question: Q) => unknown): Promise<never> {
  let last = Promise.resolve();
  await readLines(Deno.stdin.readable, (line) => {
    last = last.then(async () => say(await respond(JSON.parse(line))));
  });
  Deno.exit();
}

/** Milliseconds of CPU of this process: all its threads, and the kernel's work for them. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Bytes of memory of this process after a garbage collection, when V8 has given back what it does not
 * need.
 */
export async function residentBytes(): Promise<number> {
  await collectGarbage({ turns: 4 });
  return Deno.memoryUsage().rss;
}

/** The other end of {@linkcode startChild}: what a process of a benchmark is told, and says. */
import process from "node:process";
import { readLines } from "../lines.ts";

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

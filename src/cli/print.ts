/**
 * Lines for people: what was asked for on stdout, everything else on stderr.
 */
import { printable } from "./output.ts";

export function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/** Prints a line that may hold text of others, such as a backend's or what was typed. */
export function printError(line: string): void {
  // deno-lint-ignore no-console
  console.error(printable(line));
}

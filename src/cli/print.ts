/**
 * Prints lines: results to stdout, everything else to stderr.
 */
import { printable } from "./output.ts";

export function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/** Prints a line that may contain foreign text, such as a backend's. */
export function printError(line: string): void {
  // deno-lint-ignore no-console
  console.error(printable(line));
}

/**
 * Lines for people: what was asked for on stdout, everything else on stderr.
 */

export function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

export function printError(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}

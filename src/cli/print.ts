/**
 * Prints lines: results to stdout, everything else to stderr.
 */
import { printable } from "./output.ts";

/** A result could not be written, which ends the process with exit code 1. */
export class OutputError extends Error {
  override readonly name = "OutputError";

  constructor(cause: unknown) {
    super(`Cannot write to stdout: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/**
 * Prints a result. The runtime ignores that a reader has ended, such as `head`.
 *
 * @throws {OutputError} It cannot be written, for example because the disk is full
 */
export function print(line: string): void {
  try {
    // deno-lint-ignore no-console
    console.log(line);
  } catch (error) {
    throw new OutputError(error);
  }
}

/** Prints a line that may contain foreign text, such as a backend's. */
export function printError(line: string): void {
  try {
    // deno-lint-ignore no-console
    console.error(printable(line));
  } catch {
    // Nobody else can be told.
  }
}

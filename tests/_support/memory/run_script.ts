/** Measurements of the heap, each in a process of its own. */
import { assert } from "@std/assert";
import { fileURLToPath } from "node:url";

/**
 * Runs a script that can collect garbage when it wants to.
 *
 * @param script Its path, from `tests/_support`
 * @returns Each line that it prints, parsed as JSON
 * @throws {Error} The script printed no result. The message is its output on stderr
 */
export async function runScript(
  script: string,
  args: readonly (number | string)[] = [],
): Promise<unknown[]> {
  const permissions = ["--allow-net", "--allow-env", "--allow-read", "--allow-sys"];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      ...permissions,
      "--v8-flags=--expose-gc",
      fileURLToPath(new URL(`../${script}`, import.meta.url)),
      ...args.map(String),
    ],
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  assert(text, new TextDecoder().decode(stderr));
  return text.split("\n").map((line) => JSON.parse(line));
}

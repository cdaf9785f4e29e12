/**
 * `deno task test:client`: installs the client's package with npm, beside the tools that programs are
 * built with, and lets each of them use it. Arguments name single tools. It needs Node and an npm
 * registry.
 */
import { startWss } from "../_support/service/wss.ts";
import { BUNDLERS } from "./bundlers.ts";
import { JEST } from "./jest.ts";
import { installProject, type Tool } from "./project.ts";
import { TYPESCRIPT } from "./typescript.ts";

const TOOLS: readonly Tool[] = [...BUNDLERS, ...JEST, ...TYPESCRIPT];

function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/** Gives the tools with these names; without names, all. */
function toolsNamed(names: string[]): readonly Tool[] {
  const unknown = names.filter((name) => !TOOLS.some((tool) => tool.name === name));
  if (unknown.length > 0) {
    const known = TOOLS.map(({ name }) => name).join(", ");
    throw new RangeError(`There is no tool ${unknown.join(", ")}, but ${known}`);
  }
  return names.length > 0 ? TOOLS.filter(({ name }) => names.includes(name)) : TOOLS;
}

async function runAll(tools: readonly Tool[]): Promise<boolean> {
  await using wss = await startWss();
  await using project = await installProject(tools.flatMap(({ packages }) => packages));
  let isGood = true;
  for (const { name, run } of tools) {
    const startedAt = performance.now();
    try {
      await run(project, `${wss.ws}/web`);
      print(`${name}: ok (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
    } catch (error) {
      isGood = false;
      print(`${name}: failed: ${error}`);
    }
  }
  return isGood;
}

Deno.exit(await runAll(toolsNamed(Deno.args)) ? 0 : 1);

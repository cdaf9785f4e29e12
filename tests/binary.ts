/**
 * `deno task test:binary`: runs the tests that start the service as a process with a binary in its place:
 * the one that WSS_BINARY names, or one that is built with the denort in DENORT_BIN. Arguments go to
 * `deno test`.
 */
import { fileURLToPath } from "node:url";
import { filesBelow, read } from "./house/files.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** These are about tasks, or measure. */
const OTHERS = /^tests\/(bench|browser|build|dev|load|_support)\//;

/** The test files that start the service as a process. */
async function findTests(): Promise<string[]> {
  const files = (await filesBelow("tests/")).filter((file) =>
    file.endsWith("_test.ts") && !OTHERS.test(file)
  );
  const texts = await Promise.all(files.map(read));
  return files.filter((_, i) => texts[i]?.includes("_support/service/process.ts"));
}

async function run(args: string[], env: Record<string, string> = {}): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), { args, env, cwd: ROOT }).spawn();
  return (await child.status).success;
}

async function main(): Promise<boolean> {
  const given = Deno.env.get("WSS_BINARY");
  if (given === undefined && !await run(["task", "compile"])) return false;
  const options = ["--quiet", "--no-prompt", "--config", "tests/deno.json", "-P=tests"];
  const tests = [...Deno.args, ...await findTests()];
  return await run(["run", ...options, "tests/run.ts", "--parallel", ...tests], {
    WSS_BINARY: given ?? `${ROOT}wss`,
  });
}

Deno.exit(await main() ? 0 : 1);

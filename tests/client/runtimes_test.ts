import { assert } from "@std/assert";
import { assertAllDone, runIn } from "../_support/runtimes/stage.ts";

const IS_CI = Deno.env.get("CI") === "true";

/** The `process.version` of Node; `null` if Node is not installed. */
function nodeVersion(): string | null {
  try {
    const { stdout } = new Deno.Command("node", { args: ["-p", "process.version"] }).outputSync();
    return new TextDecoder().decode(stdout).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

Deno.test("the client's package works in Deno", async () => {
  assertAllDone(await runIn(Deno.execPath(), ["run", "--no-config", "--allow-all"]));
});

Deno.test({
  name: "the client's package works in Node",
  ignore: nodeVersion() === null && !IS_CI,
  async fn() {
    const version = nodeVersion();
    // In CI, the oldest version that the package supports; elsewhere the version that is there.
    assert(
      !IS_CI || version?.startsWith("v20."),
      `This needs Node 20 as \`node\`, such as from https://nodejs.org/dist/latest-v20.x/, not ${version}`,
    );
    // Node 22 has it by default.
    assertAllDone(await runIn("node", ["--experimental-websocket"]));
  },
});

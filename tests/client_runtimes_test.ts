import { assertAllDone, runIn } from "./_support/runtimes/stage.ts";

function hasNode(): boolean {
  try {
    return new Deno.Command("node", { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test("the client's package does in Deno what it says", async () => {
  assertAllDone(await runIn(Deno.execPath(), ["run", "--no-config", "--allow-all"]));
});

Deno.test({
  name: "the client's package does in Node what it says",
  ignore: !hasNode() && Deno.env.get("CI") !== "true",
  async fn() {
    // Node 22 has it without being asked.
    assertAllDone(await runIn("node", ["--experimental-websocket"]));
  },
});

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import { startProcess } from "../_support/service/process.ts";

const NAME = `wss-${denoJson.version}`;
const MACHINES = { "x86_64-unknown-linux-gnu": 0x3e, "aarch64-unknown-linux-gnu": 0xb7 };
/** What the service may read of the environment, which is written into its binary. */
const ENVIRONMENT = /--allow-env=(\S+)/.exec(denoJson.tasks.start.command)?.[1]?.split(",");
/** Where the header of a Linux program says for which machine it is. */
const MACHINE_AT = 18;

/** What looks like a denort for each machine, for which Deno takes any program. */
async function makeDenorts() {
  const dir = await Deno.makeTempDir({ prefix: "wss-denort-" });
  const program = await Deno.readFile("/bin/true");
  for (const [target, machine] of Object.entries(MACHINES)) {
    program[MACHINE_AT] = machine;
    await Deno.writeFile(join(dir, target), program);
  }
  return {
    path: join(dir, "{target}"),
    async [Symbol.asyncDispose]() {
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function namesIn(dir: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
  return names.sort();
}

Deno.test({
  name: "a release has a binary for each machine, named for the version, with checksums that fit",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using denorts = await makeDenorts();
    await using build = await startProcess({ task: "release", env: { DENORT_BIN: denorts.path } });
    assertEquals(await build.exitCode(), 0, build.complaints.join("\n"));

    const dist = join(build.cwd, "dist");
    assertEquals(await namesIn(dist), ["SHA256SUMS", `${NAME}-linux-arm64`, `${NAME}-linux-x64`]);
    const machines = [];
    for (const name of ["linux-x64", "linux-arm64"]) {
      const binary = await Deno.readFile(join(dist, `${NAME}-${name}`));
      machines.push(binary[MACHINE_AT]);
      const text = new TextDecoder().decode(binary);
      assert(text.includes(JSON.stringify(ENVIRONMENT)), name);
      // A word of the client library, which it serves.
      assert(text.includes("Closed by the client"), name);
    }
    assertEquals(machines, Object.values(MACHINES));
    const check = new Deno.Command("sha256sum", { args: ["-c", "SHA256SUMS"], cwd: dist });
    assertEquals(new TextDecoder().decode((await check.output()).stdout).split("\n"), [
      `${NAME}-linux-x64: OK`,
      `${NAME}-linux-arm64: OK`,
      "",
    ]);
  },
});

Deno.test("without a denort a build ends with 1, says how to get one, and leaves nothing", async () => {
  for (const task of ["compile", "release"] as const) {
    const env = { DENORT_BIN: "/none/{target}" };
    await using build = await startProcess({ task, env });

    assertEquals(await build.exitCode(), 1);
    const said = build.complaints.join("\n");
    assert(/Could not find denort at '\/none\/\w+-/.test(said), said);
    assert(said.includes("set DENORT_BIN to its path"), said);
    assertEquals(await namesIn(build.cwd), task === "release" ? ["dist"] : []);
    if (task === "release") assertEquals(await namesIn(join(build.cwd, "dist")), []);
  }
});

Deno.test("a release from one machine's denort is refused, for the other's binary would hold it", async () => {
  await using build = await startProcess({ task: "release", env: { DENORT_BIN: "/bin/true" } });
  assertEquals(await build.exitCode(), 1);
  assertEquals(build.complaints.length, 1);
  assertEquals(await namesIn(build.cwd), []);
});

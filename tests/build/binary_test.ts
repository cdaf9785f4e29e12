import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import { startProcess } from "../_support/service/process.ts";

const NAME = `wss-${denoJson.version}`;
const MACHINES = { "x86_64-unknown-linux-gnu": 0x3e, "aarch64-unknown-linux-gnu": 0xb7 };
/** The permissions of the service, as Deno writes them into a binary. */
const PERMISSIONS = {
  allow_env: denoJson.permissions.service.env,
  // All of it.
  allow_net: [],
  // The first two are relative to the directory in which the binary is started.
  allow_read: [".env", "certs", "/dev/null"],
  allow_ffi: null,
  allow_run: null,
  allow_sys: null,
  allow_write: null,
  prompt: false,
};
/** The offset in the header of a Linux program that tells its machine. */
const MACHINE_AT = 18;

/** Makes a stand-in for the denort of each machine. Deno takes any program as one. */
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
  name: "a release has a binary for each machine, named for the version, and checksums that match",
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
      for (const [permission, allowed] of Object.entries(PERMISSIONS)) {
        const expected = `"${permission}":${JSON.stringify(allowed)}`;
        assert(text.includes(expected), `${name}: ${expected}`);
      }
      // V8's flags, for example the size of the heap at which it is collected for the first time.
      assert(text.includes('"--initial-old-space-size=64"'), name);
      // A text of the client library, which the service serves.
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

Deno.test("without a denort, a build ends with 1, says how to get one, and leaves nothing behind", async () => {
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

Deno.test("a release replaces its own files in dist, and leaves the client's package", async () => {
  await using build = await startProcess({
    task: "release",
    env: { DENORT_BIN: "/none/{target}" },
    files: ["dist/client/mod.js", "dist/wss-0.0.1-linux-x64", "dist/SHA256SUMS"],
  });

  assertEquals(await build.exitCode(), 1);
  assertEquals(await namesIn(join(build.cwd, "dist")), ["client"]);
  assertEquals(await namesIn(join(build.cwd, "dist", "client")), ["mod.js"]);
});

Deno.test("a release with a single denort is refused, since it would come into the binaries of all machines", async () => {
  await using build = await startProcess({ task: "release", env: { DENORT_BIN: "/bin/true" } });
  assertEquals(await build.exitCode(), 1);
  assertEquals(build.complaints.length, 1);
  assertEquals(await namesIn(build.cwd), []);
});

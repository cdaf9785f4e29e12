/**
 * `deno task compile` and `deno task release`: binaries of the service, which are allowed what
 * `deno task start` is.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../../deno.json" with { type: "json" };

/** What a release is for, by the name that its binary gets. */
const RELEASE_TARGETS = {
  "linux-x64": "x86_64-unknown-linux-gnu",
  "linux-arm64": "aarch64-unknown-linux-gnu",
};

const ADVICE = "No binary was made. It needs the denort of this version of Deno, which Deno " +
  "downloads; where that is not possible, set DENORT_BIN to its path.";
const RELEASE_ADVICE = "A release needs a denort for each of " +
  `${Object.values(RELEASE_TARGETS).join(", ")}: {target} in DENORT_BIN stands for these.`;

/** Makes one binary; without a target it is for this machine. */
async function compile(output: string, target?: string): Promise<boolean> {
  const permissions = denoJson.tasks.start.command.split(" ")
    .filter((arg) => arg.startsWith("--"));
  const denort = Deno.env.get("DENORT_BIN")?.replaceAll("{target}", target ?? Deno.build.target);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--frozen",
      ...["--config", fileURLToPath(import.meta.resolve("../../deno.json"))],
      ...permissions,
      ...target ? ["--target", target] : [],
      ...["--output", output],
      fileURLToPath(import.meta.resolve("../main.ts")),
    ],
    env: denort ? { DENORT_BIN: denort } : {},
  }).spawn().status;
  if (!success) printError(ADVICE);
  return success;
}

/** Makes `dist` anew, with binaries and, once there are all, their checksums for `sha256sum -c`. */
async function release(): Promise<boolean> {
  // Of one machine, Deno would put it into the binaries for all of them.
  if (Deno.env.get("DENORT_BIN")?.includes("{target}") === false) {
    printError(RELEASE_ADVICE);
    return false;
  }
  await Deno.remove("dist", { recursive: true }).catch(() => {});
  await Deno.mkdir("dist");
  let checksums = "";
  for (const [name, target] of Object.entries(RELEASE_TARGETS)) {
    const file = `wss-${denoJson.version}-${name}`;
    const path = join("dist", file);
    if (!await compile(path, target)) {
      printError(RELEASE_ADVICE);
      return false;
    }
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
    checksums += `${new Uint8Array(digest).toHex()}  ${file}\n`;
  }
  await Deno.writeTextFile(join("dist", "SHA256SUMS"), checksums);
  return true;
}

function printError(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}

if (import.meta.main) {
  const isDone = Deno.args[0] === "release" ? await release() : await compile("wss");
  Deno.exit(isDone ? 0 : 1);
}

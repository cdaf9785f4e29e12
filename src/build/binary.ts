/**
 * `deno task compile` and `deno task release`: build binaries of the service. A binary has the
 * permissions of `deno task start`, and its flags of V8.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import denoJson from "../../deno.json" with { type: "json" };

const CONFIG = fileURLToPath(import.meta.resolve("../../deno.json"));
const MAIN = fileURLToPath(import.meta.resolve("../main.ts"));

/** The target of each binary of a release, by the end of the binary's name. */
const RELEASE_TARGETS = {
  "linux-x64": "x86_64-unknown-linux-gnu",
  "linux-arm64": "aarch64-unknown-linux-gnu",
};

const ADVICE =
  "No binary was made. Unless Deno has said another reason: it needs the denort of this " +
  "version of Deno, which Deno downloads. If that is not possible, set DENORT_BIN to its path.";
/** The file in `dist` with the checksums. */
const CHECKSUMS = "SHA256SUMS";
const RELEASE_ADVICE = "A release needs a denort for each of " +
  `${Object.values(RELEASE_TARGETS).join(", ")}. {target} in DENORT_BIN stands for these names.`;

/** The part of `deno info --json` that is about packages. */
const infoSchema = z.object({
  npmPackages: z.record(z.string(), z.object({ name: z.string(), localPath: z.string() })),
});

/**
 * Finds the files that must not get into a binary. Deno embeds all files of a package and parses
 * them as code. One test of bintrees has 100,000 numbers, on which Deno's parser overflows its stack
 * (denoland/deno#36746).
 */
async function findExcluded(): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--config", CONFIG, MAIN],
    stderr: "inherit",
  }).output();
  const { npmPackages } = infoSchema.parse(JSON.parse(new TextDecoder().decode(stdout)));
  return Object.values(npmPackages)
    .filter(({ name }) => name === "bintrees")
    .map(({ localPath }) => join(localPath, "test"));
}

/** The options of `deno task start` that a binary keeps: permissions, no questions, and V8's flags. */
function runOptions(): string[] {
  return denoJson.tasks.start.command.split(" ")
    .filter((word) => /^(-P|--allow-|--no-prompt|--v8-flags)/.test(word));
}

/** Builds one binary. Without a target it is for this machine. */
async function compile(output: string, target?: string): Promise<boolean> {
  const excluded = await findExcluded();
  const denort = Deno.env.get("DENORT_BIN")?.replaceAll("{target}", target ?? Deno.build.target);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--frozen",
      "--exclude-unused-npm",
      ...["--config", CONFIG],
      ...runOptions(),
      ...excluded.flatMap((path) => ["--exclude", path]),
      ...target ? ["--target", target] : [],
      ...["--output", output],
      MAIN,
    ],
    env: denort ? { DENORT_BIN: denort } : {},
  }).spawn().status;
  if (!success) printError(ADVICE);
  return success;
}

/** Replaces the binaries in `dist` by new ones. If all of them were built, adds checksums for `sha256sum -c`. */
async function release(): Promise<boolean> {
  // Deno would put the denort of one machine into the binaries for all machines.
  if (Deno.env.get("DENORT_BIN")?.includes("{target}") === false) {
    printError(RELEASE_ADVICE);
    return false;
  }
  await Deno.mkdir("dist", { recursive: true });
  for await (const { name } of Deno.readDir("dist")) {
    if (name.startsWith("wss-") || name === CHECKSUMS) await Deno.remove(join("dist", name));
  }
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
  await Deno.writeTextFile(join("dist", CHECKSUMS), checksums);
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

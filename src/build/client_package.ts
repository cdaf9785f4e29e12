/**
 * `deno task client:build`: builds the client library's package for `npm publish` in `dist/client`,
 * and the module that the service serves. That module is committed, so that the service needs no
 * build.
 */
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import denoJson from "../../deno.json" with { type: "json" };

const SOURCE = fileURLToPath(import.meta.resolve("../client/"));
const ENTRIES = [join(SOURCE, "mod.ts"), join(SOURCE, "react", "mod.ts")];
const README = fileURLToPath(import.meta.resolve("./client_package.md"));
/** The module that the service serves, as one JSON string. */
export const SERVED = fileURLToPath(import.meta.resolve("../http/client_bundle.json"));

/** What both manifests say: that of the package, and that of its folder for React. */
const MODULE = { type: "module", sideEffects: false, main: "./mod.js", types: "./mod.d.ts" };

const MANIFEST = {
  name: "@wss/client",
  version: denoJson.version,
  description: "The client of wss: keeps a connection, resumes what was missed, says what is new",
  license: "UNLICENSED",
  ...MODULE,
  exports: {
    ".": { types: "./mod.d.ts", default: "./mod.js" },
    "./react": { types: "./react/mod.d.ts", default: "./react/mod.js" },
    "./package.json": "./package.json",
  },
  peerDependencies: { react: "^18.0.0 || ^19.0.0" },
  peerDependenciesMeta: { react: { optional: true } },
};

/**
 * What the types of a connection need, and TypeScript before 5.2 does not have. Where the types of
 * TypeScript or of Node have it as well, the declarations are merged.
 */
const DISPOSABLE = `declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
}
`;

/** Bundles a module of the library into one minified ES module. */
async function bundle(entry: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "--minify", entry],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/**
 * Writes every module by itself, readable, with its declarations: bundlers minify it anyway, and an
 * error shows a line of code.
 */
async function transpile(outDir: string): Promise<void> {
  const files = new Map<string, string>();
  const program = ts.createProgram(ENTRIES, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts"],
    types: [],
    strict: true,
    declaration: true,
    rootDir: SOURCE,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  });
  const { diagnostics } = program.emit(
    undefined,
    (path, text) => files.set(relative(SOURCE, path), text),
  );
  const problems = [...program.getSyntacticDiagnostics(), ...diagnostics];
  if (problems.length > 0) {
    throw new Error(ts.formatDiagnostics(problems, {
      getCanonicalFileName: (path) => path,
      getCurrentDirectory: () => SOURCE,
      getNewLine: () => "\n",
    }));
  }
  for (const [path, text] of files) {
    const target = join(outDir, path);
    await Deno.mkdir(dirname(target), { recursive: true });
    // TypeScript leaves the imports of declarations as they are.
    const imports = text.replaceAll(/(?<=(?:from |import\()"\.[^"]*)\.ts(?=")/g, ".js");
    await Deno.writeTextFile(target, path === "mod.d.ts" ? imports + DISPOSABLE : imports);
  }
}

/**
 * The repository that the manifest names, by the address from which it was cloned; `undefined` if that
 * is a folder, which is nothing to others. What an address says of a user or a password is left out.
 */
export function repositoryOf(origin: string): object | undefined {
  const url = origin.trim()
    .replace(/^https:\/\/[^/]*@/, "https://")
    .replace(/^(ssh:\/\/[^/:@]*):[^/]*@/, "$1@");
  return /^(?:https|ssh):\/\/|^git@/.test(url)
    ? { type: "git", url, directory: "src/client" }
    : undefined;
}

/** The address from which this was cloned; `""` if it was not, or if there is no git. */
async function findOrigin(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("git", {
      args: ["-C", SOURCE, "remote", "get-url", "origin"],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/**
 * Replaces the package in a folder by a new one.
 *
 * @returns The module for the service to serve
 */
export async function buildClient(outDir: string): Promise<string> {
  await Deno.remove(outDir, { recursive: true }).catch(() => {});
  await transpile(outDir);
  const writeManifest = (folder: string, manifest: object) =>
    Deno.writeTextFile(
      join(outDir, folder, "package.json"),
      `${JSON.stringify(manifest, null, 2)}\n`,
    );
  await writeManifest("", { ...MANIFEST, repository: repositoryOf(await findOrigin()) });
  // For tools that do not know `exports`.
  await writeManifest("react", MODULE);
  await Deno.copyFile(README, join(outDir, "README.md"));
  return await bundle(join(SOURCE, "mod.ts"));
}

if (import.meta.main) {
  await Deno.writeTextFile(SERVED, `${JSON.stringify(await buildClient("dist/client"))}\n`);
}

/**
 * `deno task client:build`: builds the client library's package for `npm publish` in `dist/client`,
 * and the module that the service serves. That module is committed, so that the service needs no
 * build.
 */
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import denoJson from "../../deno.json" with { type: "json" };

const ENTRY = fileURLToPath(import.meta.resolve("../client/mod.ts"));
/** The module that the service serves, as one JSON string. */
export const SERVED = fileURLToPath(import.meta.resolve("../http/client_bundle.json"));

const MANIFEST = {
  name: "@wss/client",
  version: denoJson.version,
  description: "The client of wss: keeps a connection, resumes what was missed, says what is new",
  license: "UNLICENSED",
  type: "module",
  sideEffects: false,
  exports: { ".": { types: "./types/mod.d.ts", default: "./mod.js" } },
  types: "./types/mod.d.ts",
  files: ["mod.js", "mod.js.map", "types"],
};

const README = `# ${MANIFEST.name}

The client of wss, for browsers, Deno and Node, with no dependencies. Node before 22 needs
\`--experimental-websocket\`.

\`\`\`js
import { connect } from "${MANIFEST.name}";

const wss = connect("wss://example.com/web", { token: () => session.token });
for await (const change of wss.notifications({ types: ["message"] })) {
  if (change.kind === "update") add(change.data);
  else replaceAll(change.items); // "list" or "reload"
}
\`\`\`

Elsewhere: \`for await (const total of wss.unread()) show(total)\` for a badge,
\`await wss.markAs("read", [id])\`, and \`wss.close()\` at the end.
`;

/** Writes one minified ES module with its source map beside it. */
async function bundle(outDir: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "--minify", "--sourcemap=linked"]
      .concat("--outdir", outDir, ENTRY),
    stdout: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Writes the declarations of the entry, and of every module that they import. */
async function declare(outDir: string): Promise<void> {
  const declarations = new Map<string, string>();
  const program = ts.createProgram([ENTRY], {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts"],
    types: [],
    strict: true,
    declaration: true,
    emitDeclarationOnly: true,
    allowImportingTsExtensions: true,
  });
  program.emit(undefined, (path, text) => declarations.set(basename(path), text));
  await Deno.mkdir(outDir);
  const wanted = new Set(["mod.d.ts"]);
  for (const name of wanted) {
    const text = declarations.get(name)?.replaceAll(/(?<=from "\.\/\w+)\.ts(?=")/g, ".js") ?? "";
    for (const [, other] of text.matchAll(/from "\.\/(\w+)\.js"/g)) wanted.add(`${other}.d.ts`);
    // No default library of TypeScript has Symbol.dispose.
    const needs = name === "mod.d.ts" ? '/// <reference lib="esnext.disposable" />\n' : "";
    await Deno.writeTextFile(join(outDir, name), needs + text);
  }
}

/**
 * Replaces the package in a folder by a new one.
 *
 * @returns The module for the service to serve, which does not name its source map
 */
export async function buildClient(outDir: string): Promise<string> {
  await Deno.remove(outDir, { recursive: true }).catch(() => {});
  await Deno.mkdir(outDir, { recursive: true });
  await bundle(outDir);
  await declare(join(outDir, "types"));
  await Deno.writeTextFile(join(outDir, "package.json"), `${JSON.stringify(MANIFEST, null, 2)}\n`);
  await Deno.writeTextFile(join(outDir, "README.md"), README);
  const module = await Deno.readTextFile(join(outDir, "mod.js"));
  return module.replace(/\/\/# sourceMappingURL=.*\n?$/, "");
}

if (import.meta.main) {
  await Deno.writeTextFile(SERVED, `${JSON.stringify(await buildClient("dist/client"))}\n`);
}

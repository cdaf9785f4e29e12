import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import ts from "typescript";
import denoJson from "../../deno.json" with { type: "json" };
import served from "../../src/http/client_bundle.json" with { type: "json" };
import { repositoryOf } from "../../src/build/client_package.ts";
import { installClient } from "../_support/clients/package.ts";

/** A program that uses the package. Some of its calls are wrong, and are marked so. */
const CONSUMER = `
import { type Change, connect, type State, WssError } from "@wss/client";

interface Note { id: string }

using wss = connect(new URL("wss://example.com/web"), {
  token: async () => "token",
  signal: AbortSignal.timeout(1000),
  onState(state: State) {
    if (state.state === "waiting") state.retryInMs.toFixed();
  },
});
const inbox = wss.notifications<Note[], Note>({ types: ["message"], limit: 10 });
for await (const change of inbox) {
  const known: Change<Note[], Note> = change;
  if (known.kind === "update") known.data.id.trim();
  else known.items[0]?.id.trim();
}
const { total } = await wss.count({ status: "unseen" });
total.toFixed();
for await (const unread of wss.unread({ types: ["message"], status: "unread" })) unread.toFixed();
await wss.markAs("read", ["1"], { signal: AbortSignal.timeout(1000) }).catch((error: unknown) => {
  if (error instanceof WssError && error.temporary) error.retryAfterMs?.toFixed();
});
wss.schedules({ from: 1, to: 2, timezone: "UTC", gameIds: ["7", 7] }).close();
// @ts-expect-error There is no such status.
await wss.count({ status: "new" });
// @ts-expect-error A part of the schedule needs an end.
wss.schedules({ from: 1, timezone: "UTC" });
// @ts-expect-error The state is read-only.
wss.state.last = null;
// @ts-expect-error An inbox has no such method for its users.
inbox.pushed;
`;

/** The problems that the compiler finds in a program, with the line of each. */
function problemsOf(file: string, moduleResolution: ts.ModuleResolutionKind): string[] {
  const isNode = moduleResolution === ts.ModuleResolutionKind.NodeNext;
  const program = ts.createProgram([file], {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    module: isNode ? ts.ModuleKind.NodeNext : ts.ModuleKind.ESNext,
    moduleResolution,
    types: [],
    noEmit: true,
  });
  return ts.getPreEmitDiagnostics(program).map(({ messageText, start = 0 }) =>
    `${CONSUMER.slice(0, start).split("\n").length}: ${
      ts.flattenDiagnosticMessageText(messageText, "\n")
    }`
  );
}

/** Built once: no test changes it. */
let client: Awaited<ReturnType<typeof installClient>>;

Deno.test.beforeAll(async () => {
  client = await installClient();
});

Deno.test.afterAll(() => client[Symbol.asyncDispose]());

async function gzippedSize(text: string): Promise<number> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).bytes()).byteLength;
}

/** Some of the package's modules as one for a page, minified, without React. */
async function bundle(...modules: string[]): Promise<string> {
  const file = join(client.path, "all.js");
  const text = modules.map((module) => `export * from "${module}";\n`);
  await Deno.writeTextFile(file, text.join(""));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--no-config", "--minify", "--external=react", file],
  }).output();
  await Deno.remove(file);
  assert(success && stdout.length > 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("the client's package has all files that its manifests name", async () => {
  const manifest = JSON.parse(await Deno.readTextFile(join(client.path, "package.json")));
  assertEquals(
    [manifest.name, manifest.version, manifest.type, manifest.license, manifest.sideEffects],
    ["@wss/client", denoJson.version, "module", "UNLICENSED", false],
  );
  assertEquals(manifest.dependencies, undefined);
  assertEquals(manifest.peerDependenciesMeta, { react: { optional: true } });
  // Tools that do not know exports read main and types.
  const react = JSON.parse(await Deno.readTextFile(join(client.path, "react", "package.json")));
  for (const [name, { main, types }] of [[".", manifest], ["./react", react]]) {
    const { types: declared, default: module } = manifest.exports[name];
    assertEquals(
      [join(name, main), join(name, types)],
      [module, declared].map((path) => join(path)),
    );
    await Deno.stat(join(client.path, module));
    await Deno.stat(join(client.path, declared));
  }
  const readme = await Deno.readTextFile(join(client.path, "README.md"));
  assert(readme.startsWith("# @wss/client\n"));
  const [, example = ""] = /^```tsx\n([^]*?)^```$/m.exec(readme) ?? [];
  assert(example.split("\n").length <= 61, "the inbox has more than 60 lines");
});

Deno.test("the client's package names the repository, if others can reach it, without a password", () => {
  for (
    const [origin, url] of [
      ["https://git.example.com/wss.git\n", "https://git.example.com/wss.git"],
      ["https://user:secret@git.example.com/wss.git", "https://git.example.com/wss.git"],
      ["git@git.example.com:wss.git", "git@git.example.com:wss.git"],
      ["ssh://git@git.example.com/wss.git", "ssh://git@git.example.com/wss.git"],
      ["ssh://git:secret@git.example.com:22/wss.git", "ssh://git@git.example.com:22/wss.git"],
    ] as const
  ) {
    assertEquals(repositoryOf(origin), { type: "git", url, directory: "src/client" });
  }
  for (const origin of ["", "/srv/wss", "file:///srv/wss"]) {
    assertEquals(repositoryOf(origin), undefined);
  }
});

Deno.test("the client takes less than 8.5 KB, gzipped, and its part for React 1.5 KB more", async () => {
  const size = await gzippedSize(client.served);
  assert(size < 8500, `${size} bytes`);
  assertEquals([...client.served.matchAll(/\bimport\b/g)], []);

  const alone = await gzippedSize(await bundle("./mod.js"));
  const both = await gzippedSize(await bundle("./mod.js", "./react/mod.js"));
  assert(both > alone);
  assert(both - alone < 1500, `${both - alone} bytes`);
});

Deno.test("an error that nobody catches shows a line of the package's code, not all of it", async () => {
  const lines: number[] = [];
  for await (const { name } of Deno.readDir(client.path)) {
    if (!name.endsWith(".js")) continue;
    const text = await Deno.readTextFile(join(client.path, name));
    lines.push(...text.split("\n").map(({ length }) => length));
  }
  assert(lines.length > 500);
  assert(Math.max(...lines) <= 200, `${Math.max(...lines)} characters`);
});

Deno.test("the types in the client's package fit the calls that it offers, and no others", async () => {
  const file = join(client.dir, "consumer.mts");
  await Deno.writeTextFile(file, CONSUMER);
  for (const kind of ["Bundler", "NodeNext"] as const) {
    assertEquals(problemsOf(file, ts.ModuleResolutionKind[kind]), [], kind);
  }
});

Deno.test("the client module that the service serves is up to date", () => {
  assert(
    served === client.served,
    "src/http/client_bundle.json is older than src/client: run deno task client:build",
  );
});

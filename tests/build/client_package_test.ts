import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import ts from "typescript";
import denoJson from "../../deno.json" with { type: "json" };
import served from "../../src/http/client_bundle.json" with { type: "json" };
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

async function gzippedSize(path: string): Promise<number> {
  using file = await Deno.open(path);
  const chunks = await Array.fromAsync(file.readable.pipeThrough(new CompressionStream("gzip")));
  return chunks.reduce((size, { byteLength }) => size + byteLength, 0);
}

Deno.test("the client's package has all files that its manifest names, and less than 6 KB, gzipped", async () => {
  const manifest = JSON.parse(await Deno.readTextFile(join(client.path, "package.json")));
  assertEquals(
    [manifest.name, manifest.version, manifest.type, typeof manifest.license],
    ["@wss/client", denoJson.version, "module", "string"],
  );
  const { types, default: module } = manifest.exports["."];
  for (const file of [types, module, "README.md", ...manifest.files]) {
    await Deno.stat(join(client.path, file));
  }
  const size = await gzippedSize(join(client.path, "mod.js"));
  assert(size < 6000, `${size} bytes`);

  const text = await Deno.readTextFile(join(client.path, "mod.js"));
  assertMatch(text, /\/\/# sourceMappingURL=mod\.js\.map\n?$/);
  assertEquals([...text.matchAll(/\bimport\b/g)], []);
  const map = JSON.parse(await Deno.readTextFile(join(client.path, "mod.js.map")));
  assertEquals(map.sources.length, map.sourcesContent.length);
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

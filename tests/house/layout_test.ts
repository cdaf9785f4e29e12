import { assert, assertEquals } from "@std/assert";
import { filesBelow, read, ROOT } from "./files.ts";

/**
 * The order of imports: a file imports from its own folder, or from lines further down. Entries of
 * one line do not know each other. Each entry is a folder, or a file without its ending.
 */
const ORDER = `
  main  dev  build
  command_line
  run
  service
  asyncapi  openapi  cli  admin
  http  kafka
  connection
  commands
  sessions
  backend
  observe
  log  outbox
  protocol  settings
  util
  client
`;

const LINES = ORDER.trim().split("\n").map((line) => line.trim().split(/\s+/));

/** The entry of a file below src/. */
function entryOf(file: string): string {
  return file.split("/")[0]?.replace(/\.ts$/, "") ?? "";
}

/** The text of every module of the service, by its path below src/. */
async function modules(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const path of await filesBelow("src/")) {
    if (path.endsWith(".ts")) texts.set(path.slice("src/".length), await read(path));
  }
  return texts;
}

/** Every module with its imports. Those from src/ are paths below it, others are as they stand. */
async function imports(): Promise<Map<string, string[]>> {
  const src = new URL("src/", ROOT);
  const found = new Map<string, string[]>();
  for (const [path, text] of await modules()) {
    const specifiers = text.matchAll(/\b(?:from |import |import\()"([^"]+)"/g)
      .map(([, specifier = ""]) =>
        /^\.\.?\//.test(specifier)
          ? new URL(specifier, new URL(path, src)).pathname.slice(src.pathname.length)
          : specifier
      );
    found.set(path, [...specifiers]);
  }
  return found;
}

Deno.test("imports point down the order of the house", async () => {
  const files = await imports();
  const lineOf = (file: string) => LINES.findIndex((line) => line.includes(entryOf(file)));
  const wrong: string[] = [];
  for (const [file, imported] of files) {
    assert(lineOf(file) >= 0, `${file} has no place in the order`);
    for (const other of imported.filter((other) => files.has(other))) {
      const isAllowed = entryOf(file) === entryOf(other) || lineOf(file) < lineOf(other);
      if (!isAllowed) wrong.push(`${file} imports ${other}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("src/README.md has this order", async () => {
  const blocks = (await read("src/README.md")).matchAll(/```\n([^]*?)```/g).map(([, text]) => text);
  assert([...blocks].includes(`${LINES.map((line) => line.join("  ")).join("\n")}\n`));
});

Deno.test("until the service listens to signals, nothing is loaded that takes time", async () => {
  const main = await read("src/main.ts");
  const signals = await read("src/util/stop_signals.ts");

  assertEquals([...main.matchAll(/^import .* from "(.*)";$/gm)].map(([, file]) => file), [
    "./util/stop_signals.ts",
  ]);
  assert(main.indexOf("new StopSignals()") < main.indexOf('import("./command_line.ts")'));
  assert(!/^import /m.test(signals));
});

Deno.test("the client library imports only its own files, and its hooks React", async () => {
  for (const [file, imported] of await imports()) {
    if (!file.startsWith("client/")) continue;
    const others = imported.filter((specifier) => !specifier.startsWith("client/"));
    // React is the package of the program that uses the hooks.
    const allowed = file.startsWith("client/react/") ? ["react"] : [];
    assertEquals(others.filter((specifier) => !allowed.includes(specifier)), [], file);
  }
});

Deno.test("no file imports itself, in whatever way", async () => {
  const files = await imports();
  const seen = new Set<string>();
  function visit(file: string, way: string[]) {
    assert(!way.includes(file), [...way, file].join(" → "));
    if (seen.has(file)) return;
    for (const other of files.get(file) ?? []) visit(other, [...way, file]);
    seen.add(file);
  }
  for (const file of files.keys()) visit(file, []);
});

Deno.test("only kafka/ imports kafkajs, and only backend/attempt.ts, cli/ and client/ fetch", async () => {
  for (const [file, imported] of await imports()) {
    if (file.startsWith("kafka/")) continue;
    assertEquals(imported.filter((specifier) => specifier.startsWith("kafkajs")), [], file);
  }
  for (const [file, text] of await modules()) {
    if (file === "backend/attempt.ts" || /^(?:cli|client)\//.test(file)) continue;
    assert(!/\bfetch\(/.test(text), file);
  }
});

Deno.test("no folder has more than 12 files, beside its README", async () => {
  const counts = new Map<string, number>();
  for (const path of [...await filesBelow("src/"), ...await filesBelow("tests/")]) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (!path.endsWith("/README.md")) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  assertEquals([...counts].filter(([, count]) => count > 12), []);
});
Deno.test("no exported type of the service has the name of another", async () => {
  const owners = new Map<string, string>();
  const twice: string[] = [];
  for (const [file, text] of await modules()) {
    if (file.startsWith("client/")) continue;
    const names = text.matchAll(
      /^export (?:declare )?(?:abstract )?(?:interface|type|class|enum) (\w+)/gm,
    );
    for (const [, name = ""] of names) {
      const owner = owners.get(name);
      if (owner) twice.push(`${name}: ${owner}, ${file}`);
      owners.set(name, file);
    }
  }
  assertEquals(twice, []);
});

Deno.test("no module has more than 300 lines, and half of them at most 90", async () => {
  const lines = [...await modules()].map(([file, text]) =>
    [file, text.split("\n").length - 1] as const
  );
  assertEquals(lines.filter(([, count]) => count > 300), []);
  const counts = lines.map(([, count]) => count).sort((a, b) => a - b);
  assert((counts[Math.floor(counts.length / 2)] ?? Infinity) <= 90);
});

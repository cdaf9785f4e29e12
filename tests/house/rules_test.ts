import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

async function* sourceFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) yield* sourceFiles(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield folder + name;
  }
}

Deno.test("the rules in README are those that tests carry", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const stated = new Set(readme.matchAll(/\*\*([A-Z]+\d+)\*\*/g).map(([, id]) => id));
  const carried = new Set<string | undefined>();
  for await (const file of sourceFiles("tests/")) {
    const text = await Deno.readTextFile(new URL(file, ROOT));
    // Only in the name of a test.
    for (
      const [, names] of text.matchAll(/(?:Deno\.test|kafkaTest)\(\s*["`]((?:\[[A-Z]+\d+\])+)/g)
    ) {
      for (const [, id] of names?.matchAll(/\[([A-Z]+\d+)\]/g) ?? []) carried.add(id);
    }
  }
  assertEquals([...carried].sort(), [...stated].sort());
  assert(stated.size > 30);
});

/**
 * The order of imports: a file imports from its own folder or from lines further down. Entries of one
 * line do not know each other. Each entry is a folder, or a file without its ending.
 */
const ORDER = `
  main  dev  build
  run
  service
  asyncapi  cli  admin
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

/** Every file below src/, with what it imports from there. */
async function imports(): Promise<Map<string, string[]>> {
  const src = new URL("src/", ROOT);
  const found = new Map<string, string[]>();
  for await (const path of sourceFiles("src/")) {
    const url = new URL(path, ROOT);
    const specifiers = (await Deno.readTextFile(url)).matchAll(/from "([^"]+)"/g)
      .map(([, specifier = ""]) => specifier)
      .map((specifier) =>
        /^\.\.?\//.test(specifier)
          ? new URL(specifier, url).pathname.slice(src.pathname.length)
          : specifier
      );
    found.set(path.slice("src/".length), [...specifiers]);
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

Deno.test("the client library imports nothing but its own files", async () => {
  for (const [file, imported] of await imports()) {
    if (!file.startsWith("client/")) continue;
    assertEquals(imported.filter((specifier) => !specifier.startsWith("client/")), [], file);
  }
});

Deno.test("no file imports itself, by whatever way", async () => {
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

Deno.test("only kafka/ imports kafkajs, and only backend/attempt and cli/ call fetch", async () => {
  for (const [file, imported] of await imports()) {
    if (file.startsWith("kafka/")) continue;
    assertEquals(imported.filter((specifier) => specifier.startsWith("kafkajs")), [], file);
  }
  for await (const path of sourceFiles("src/")) {
    if (path === "src/backend/attempt.ts" || path.startsWith("src/cli/")) continue;
    assert(!/\bfetch\(/.test(await Deno.readTextFile(new URL(path, ROOT))), path);
  }
});

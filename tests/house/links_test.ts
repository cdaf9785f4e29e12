import { assert, assertEquals } from "@std/assert";
import { filesBelow, read, ROOT } from "./files.ts";

/** Every README of the repository, by its path from the root. */
async function readmes(): Promise<string[]> {
  const below = [...await filesBelow("src/"), ...await filesBelow("tests/")];
  return ["README.md", ...below.filter((path) => path.endsWith("/README.md"))];
}

/** A README's text without its blocks of code, in which nothing is a link or a heading. */
async function prose(path: string): Promise<string> {
  return (await read(path)).replace(/^( *)```[^]*?^\1```$/gm, "");
}

/** Where the links of a README lead, as they are written. */
async function links(path: string): Promise<string[]> {
  const text = (await prose(path)).replace(/`[^`\n]*`/g, "");
  return [...text.matchAll(/\]\(([^)]+)\)/g).map(([, target = ""]) => target)];
}

/** The anchors that GitHub makes of the headings of a README. */
async function anchors(path: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const [, heading = ""] of (await prose(path)).matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
    let unique = anchor;
    for (let n = 1; found.has(unique); n++) unique = `${anchor}-${n}`;
    found.add(unique);
  }
  return found;
}

Deno.test("every link of a README leads to a file that exists, and to a heading in it", async () => {
  const dead: string[] = [];
  let count = 0;
  for (const path of await readmes()) {
    for (const link of await links(path)) {
      count++;
      const [file = "", anchor] = link.split("#");
      const target = file
        ? new URL(file, new URL(path, ROOT)).pathname
        : new URL(path, ROOT).pathname;
      const relative = target.slice(ROOT.pathname.length);
      const isThere = await Deno.stat(target).then(() => true, () => false) &&
        (anchor === undefined || (await anchors(relative)).has(anchor));
      if (!isThere) dead.push(`${path}: ${link}`);
    }
  }
  assertEquals(dead, []);
  assert(count > 20);
});

Deno.test("README.md links to every other README", async () => {
  const linked = new Set(await links("README.md"));
  assertEquals((await readmes()).filter((path) => path !== "README.md" && !linked.has(path)), []);
});

Deno.test("README.md has at most 220 lines", async () => {
  assert((await read("README.md")).trimEnd().split("\n").length <= 220);
});

import { assert, assertEquals } from "@std/assert";
import { read } from "./files.ts";

/** The rows of the tables of budgets in src/admin/README.md: what has a budget, and the tests that show it. */
async function budgets(): Promise<{ what: string; tests: { file: string; name: string }[] }[]> {
  const readme = await read("src/admin/README.md");
  const [, section = ""] = /^## Budgets\n([^]*?)^## /m.exec(readme) ?? [];
  return section.split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (?:-|from outside |in memory )/.test(line))
    .map((line) => {
      const [, what = "", , , shown = ""] = line.split(/ *\| */);
      const tests = shown.split(/ *<br> */).map((cell) => {
        const [, file = "", name = ""] = /^`(.+?)`: (.+)$/.exec(cell) ?? [];
        return { file: `tests/${file}`, name };
      });
      return { what, tests };
    });
}

Deno.test("each budget in src/admin/README.md is shown by tests that exist", async () => {
  const rows = await budgets();
  assert(rows.length > 30, `${rows.length} rows`);
  const missing: string[] = [];
  for (const { what, tests } of rows) {
    for (const { file, name } of tests) {
      const text = await read(file).catch(() => "");
      const names = text.matchAll(/(?:Deno\.test|kafkaTest|nginxTest)\(\s*["`]([^"`]+)["`]/g)
        .map(([, found = ""]) => found);
      // The beginning of a test's name may be a variable.
      const isThere = names.some((found) => name !== "" && found.endsWith(name));
      if (!isThere) missing.push(`${what}: ${file}: ${name}`);
    }
  }
  assertEquals(missing, []);
});

import { assertEquals } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import testsJson from "../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** The packages of the service, by the name under which it imports them. */
const SERVICE: Record<string, string> = denoJson.imports;
const TESTS: Record<string, string> = testsJson.imports;

/** What tests/deno.json names packages for, because the service does not load it. */
const NOT_OF_THE_SERVICE = ["build/client_package", "client/react/"];

/** The names under which a folder's files import packages. */
async function importedNames(folder: string): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) {
      for (const inner of await importedNames(`${folder}${name}/`)) names.add(inner);
    } else if (
      /\.[jt]s$/.test(name) &&
      !NOT_OF_THE_SERVICE.some((part) => `${folder}${name}`.includes(part))
    ) {
      const text = await Deno.readTextFile(new URL(folder + name, ROOT));
      for (
        const [, specifier = ""] of text.matchAll(/^(?:import|export|\}) .*\bfrom "([^"]+)";$/gm)
      ) {
        if (!/^(?:\.|node:)/.test(specifier)) names.add(specifier);
      }
    }
  }
  return names;
}

Deno.test("deno.json names the packages that the service imports, and no others", async () => {
  const imported = await importedNames("src/");
  assertEquals([...imported].sort(), Object.keys(SERVICE).sort());
});

Deno.test("the tests use the service's packages in the same versions", () => {
  const shared = Object.keys(SERVICE).map((name) => [name, TESTS[name]?.replace("../", "./")]);
  assertEquals(Object.fromEntries(shared), SERVICE);
});

Deno.test("tests/deno.json has the rules of deno.json for types, format and lint", () => {
  for (const part of ["unstable", "compilerOptions", "fmt", "lint"] as const) {
    assertEquals(testsJson[part], denoJson[part], part);
  }
});

Deno.test("the lock files name no registry", async () => {
  for (const lock of ["deno.lock", "tests/deno.lock"]) {
    const text = await Deno.readTextFile(new URL(lock, ROOT));
    assertEquals(text.match(/https?:\/\/[^"]*/g), null, lock);
  }
});

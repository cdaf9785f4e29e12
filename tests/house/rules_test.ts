import { assert, assertEquals } from "@std/assert";
import { filesBelow, read } from "./files.ts";

Deno.test("the rules of the protocol reference are those that tests carry", async () => {
  const reference = await read("src/protocol/README.md");
  const stated = new Set(reference.matchAll(/\*\*([A-Z]+\d+)\*\*/g).map(([, id]) => id));
  const carried = new Set<string | undefined>();
  for (const path of await filesBelow("tests/")) {
    if (!path.endsWith(".ts")) continue;
    // Only in the name of a test.
    for (
      const [, names] of (await read(path))
        .matchAll(/(?:Deno\.test|kafkaTest|nginxTest)\(\s*["`]((?:\[[A-Z]+\d+\])+)/g)
    ) {
      for (const [, id] of names?.matchAll(/\[([A-Z]+\d+)\]/g) ?? []) carried.add(id);
    }
  }
  assertEquals([...carried].sort(), [...stated].sort());
  assert(stated.size > 30);
});

import { assert, assertEquals } from "@std/assert";
import { read } from "./files.ts";

/** The settings of the systemd unit in src/admin/README.md, by their names. */
async function systemdUnit(): Promise<Map<string, string>> {
  const [, unit = ""] = /```ini\n([^]*?)```/.exec(await read("src/admin/README.md")) ?? [];
  const lines = unit.matchAll(/^(\w+)=(.*)$/gm);
  return new Map(lines.map(([, name = "", value = ""]) => [name, value]));
}

Deno.test("the systemd unit writes no core dump, which would hold tokens, and runs without privileges", async () => {
  const unit = await systemdUnit();
  const names = ["LimitCORE", "NoNewPrivileges", "CapabilityBoundingSet", "DynamicUser"];
  assertEquals(names.map((name) => unit.get(name)), ["0", "yes", "", "yes"]);
});

Deno.test("the nginx example replaces what a client says about its address", async () => {
  const [, sample = ""] = /```nginx\n([^]*?)```/.exec(await read("src/admin/README.md")) ?? [];
  assert(sample.includes("proxy_set_header X-Forwarded-For $remote_addr;"), sample);
});

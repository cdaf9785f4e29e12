/** The dashboard, held against the schema that Grafana publishes as types. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import dashboard from "../../src/admin/dashboard.json" with { type: "json" };

const CONFIG = fileURLToPath(new URL("../deno.json", import.meta.url));

/** Names of the places in a dashboard, and what is wrong there. */
const FAULTS = {
  "a title that is a number": { title: 5 },
  "a key that nobody knows": { titel: "wss" },
  "a time without its end": { time: { from: "now-1h" } },
  "a variable of an unknown type": { templating: { list: [{ name: "job", type: "querry" }] } },
  "a panel without a type": { panels: [{ title: "Sessions" }] },
  "a panel with a width that is a text": {
    panels: [{ type: "timeseries", gridPos: { h: 8, w: "8", x: 0, y: 0 } }],
  },
  "a lower limit that is a text": {
    panels: [{ type: "timeseries", fieldConfig: { defaults: { min: "0" }, overrides: [] } }],
  },
};

Deno.test("the dashboard is as Grafana's schema says", async () => {
  const dir = await Deno.makeTempDir({ prefix: "wss-dashboard-" });
  const file = join(dir, "dashboard.ts");
  const faults = Object.entries(FAULTS).map(([name, fault]) =>
    `// ${name}\n// @ts-expect-error\n({ ...valid, ${
      JSON.stringify(fault).slice(1, -1)
    } } satisfies Whole);`
  );
  await Deno.writeTextFile(
    file,
    `import type { Dashboard, Panel } from "@grafana/schema";
type Whole = Omit<Dashboard, "panels"> & { panels: Panel[] };
const valid = ${JSON.stringify(dashboard)} satisfies Whole;
${faults.join("\n")}
`,
  );

  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--frozen", "--config", CONFIG, file],
    env: { NO_COLOR: "1" },
  }).output();
  await Deno.remove(dir, { recursive: true });

  assertEquals([new TextDecoder().decode(stderr), code], ["", 0]);
  assert(dashboard.panels.length > 10);
});

import { assert, assertEquals } from "@std/assert";
import dashboard from "../../src/admin/dashboard.json" with { type: "json" };
import { metricNames } from "../_support/service/metrics.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const ALICE = { userId: "42", type: "message", data: 1 };

const readme = () => Deno.readTextFile(new URL("../../src/admin/README.md", import.meta.url));

/** The metrics that PromQL expressions in a text name. */
function metricsIn(text: string): string[] {
  return [...new Set(text.match(/\b(wss|process)_[a-z_]+/g))];
}

/** The names of all series of these metrics. */
function seriesNames(names: readonly string[]): Set<string> {
  return new Set(names.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]));
}

Deno.test("the dashboard uses only metrics that exist", async () => {
  await using wss = await startWss();
  const known = seriesNames(metricNames(await wss.admin.metrics()));
  const asked = metricsIn(JSON.stringify(dashboard));
  assertEquals(asked.filter((name) => !known.has(name)), []);
  assert(asked.length > 10, asked.join());
});

Deno.test("the alert rules of src/admin/README.md use only metrics that exist", async () => {
  await using wss = await startWss();
  const known = seriesNames(metricNames(await wss.admin.metrics()));
  const [, rules = ""] = /```yaml\ngroups:\n([^]*?)```/.exec(await readme()) ?? [];
  const asked = metricsIn(rules);
  assertEquals(asked.filter((name) => !known.has(name)), []);
  assert(asked.length > 5, asked.join());
});

Deno.test("the series that alert rules use are there from the start, with the value 0", async () => {
  await using wss = await startWss();
  const lines = await wss.admin.metrics();
  for (
    const line of [
      'wss_quarantined_total{reason="not_json"} 0',
      'wss_request_errors_total{slug="internal"} 0',
      'wss_refusals_total{reason="full"} 0',
      'wss_admin_refusals_total{reason="wrong_token"} 0',
      'wss_sessions{endpoint="/web",identity="user"} 0',
    ]
  ) assert(lines.includes(line), line);
});

Deno.test("src/admin/README.md lists every metric with its labels", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.publish("notification", ALICE);
  await client.next();
  const listed = new Map(
    (await readme()).matchAll(/^\| `((?:wss|process)_\w+)` +\| +([a-z_, ]*?) *\|/gm)
      .map(([, name = "", labels = ""]) => [name, labels.split(", ").filter((label) => label)]),
  );
  const lines = await wss.admin.metrics();
  assertEquals([...listed.keys()].sort(), metricNames(lines).sort());
  for (const line of lines) {
    const [, name = "", labels = ""] = /^(\w+)\{(.*)\} /.exec(line) ?? [];
    const known = listed.get(name.replace(/_(bucket|sum|count)$/, "")) ?? listed.get(name);
    const found = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label);
    for (const label of found) {
      assert(label === "le" || known?.includes(label ?? ""), `${name} has ${label}`);
    }
  }
});

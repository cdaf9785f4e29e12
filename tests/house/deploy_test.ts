import { assert, assertEquals } from "@std/assert";
import { parseAll } from "@std/yaml";
import { createMetrics } from "../../src/observe/metrics.ts";
import { SETTING_NAMES, settingInfo } from "../../src/settings/settings.ts";
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

/** The first block of YAML below a heading, or a line, of src/admin/README.md. */
async function yamlBelow(line: string): Promise<string> {
  const text = await read("src/admin/README.md");
  const below = text.slice(text.indexOf(`\n${line}\n`));
  return /```yaml\n([^]*?)```/.exec(below)?.[1] ?? "";
}

// deno-lint-ignore no-explicit-any
type Manifest = any;

Deno.test("the Kubernetes example fits together, and sets settings that exist", async () => {
  const manifests = parseAll(await yamlBelow("### Kubernetes")) as Manifest[];
  const byKind = new Map(manifests.map((manifest) => [manifest.kind, manifest]));
  const { spec: pod, metadata } = byKind.get("Deployment").spec.template;
  const [container] = pod.containers;
  const ports = container.ports.map(({ name }: Manifest) => name);

  assertEquals([...byKind.keys()], [
    "Deployment",
    "Service",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "ServiceMonitor",
  ]);
  const selected = ["Deployment", "PodDisruptionBudget", "ServiceMonitor"]
    .map((kind) => byKind.get(kind).spec.selector.matchLabels);
  selected.push(byKind.get("Service").spec.selector, byKind.get("Service").metadata.labels);
  selected.push(byKind.get("NetworkPolicy").spec.podSelector.matchLabels);
  for (const labels of selected) assertEquals(labels, metadata.labels);
  const used = [
    ...byKind.get("Service").spec.ports.map(({ targetPort }: Manifest) => targetPort),
    ...byKind.get("ServiceMonitor").spec.endpoints.map(({ port }: Manifest) => port),
    ...byKind.get("NetworkPolicy").spec.ingress.map(({ ports: [{ port }] }: Manifest) => port),
    container.readinessProbe.httpGet.port,
    container.livenessProbe.httpGet.port,
  ];
  for (const port of used) assert(ports.includes(port), port);
  for (const { name } of container.env) assert(SETTING_NAMES.includes(name), name);
  const { terminationGracePeriodSeconds: grace } = pod;
  assert(grace > Number(settingInfo("SHUTDOWN_SECONDS").fallback), `${grace} s`);
  const [{ pods: { metric } }] = byKind.get("HorizontalPodAutoscaler").spec.metrics;
  assert((await createMetrics().registry.metrics()).includes(`# TYPE ${metric.name} gauge`));
});

Deno.test({
  name: "Prometheus takes the rules for alerts",
  ignore: !isInstalled("promtool"),
  async fn() {
    const file = await Deno.makeTempFile({ suffix: ".yml" });
    try {
      await Deno.writeTextFile(file, await yamlBelow("Rules for Prometheus:"));
      const promtool = new Deno.Command("promtool", { args: ["check", "rules", file] });
      const { success, stdout, stderr } = await promtool.output();
      assert(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
    } finally {
      await Deno.remove(file);
    }
  },
});

function isInstalled(command: string): boolean {
  try {
    return new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

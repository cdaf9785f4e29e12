import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

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

/** From those who know of others to those who know of none; each a file or a folder. */
const LAYERS = [
  ["dev/", "main.ts"],
  ["cli/"],
  ["asyncapi/"],
  ["environment.ts", "run.ts", "service.ts"],
  ["admin.ts", "admin_http.ts", "gauges.ts", "event_loop.ts"],
  ["why.ts", "why_text.ts"],
  ["server.ts", "kafka/", "log.ts", "repeats.ts"],
  [
    "upgrade_token.ts",
    "client_js.ts",
    "gate.ts",
    "config.ts",
    "connection.ts",
    "dialogue.ts",
    "consume.ts",
    "request.ts",
    "request_queue.ts",
    "log_reader.ts",
  ],
  ["drain.ts", "idle_guests.ts", "rate_limit.ts"],
  ["commands/", "messages.ts", "quarantine.ts", "heartbeat.ts", "revalidation.ts", "places.ts"],
  [
    "sessions.ts",
    "channels.ts",
    "fan_out.ts",
    "feed.ts",
    "reloads.ts",
    "tokens.ts",
    "freshness.ts",
    "wheel.ts",
  ],
  [
    "subscriptions.ts",
    "stream.ts",
    "trace.ts",
    "tracing.ts",
    "log_window.ts",
    "cursor.ts",
    "addressing.ts",
    "fifo.ts",
  ],
  ["outbox.ts", "batches.ts"],
  ["subscription_id.ts"],
  ["backend.ts", "backend_pool.ts", "backend_attempt.ts", "validation.ts"],
  [
    "metrics.ts",
    "weighted_histogram.ts",
    "health.ts",
    "listen.ts",
    "protocol.ts",
    "json.ts",
    "delay.ts",
    "timeouts.ts",
    "turns.ts",
    "multi_map.ts",
  ],
  ["json_schema.ts"],
  ["client/"],
];

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

Deno.test("imports point one way", async () => {
  const files = await imports();
  const layerOf = (file: string) =>
    LAYERS.findIndex((layer) =>
      layer.some((place) => place.endsWith("/") ? file.startsWith(place) : file === place)
    );
  for (const [file, imported] of files) {
    assert(layerOf(file) >= 0, `${file} has no place in the layers`);
    for (const other of imported.filter((other) => files.has(other))) {
      assert(layerOf(file) <= layerOf(other), `${file} imports ${other}`);
      assert(!other.startsWith("dev/") || file.startsWith("dev/"), `${file} imports ${other}`);
    }
  }
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

Deno.test("only kafka/ imports kafkajs, and only backend_attempt and main call fetch", async () => {
  for (const [file, imported] of await imports()) {
    if (file.startsWith("kafka/")) continue;
    assertEquals(imported.filter((specifier) => specifier.startsWith("kafkajs")), [], file);
  }
  for await (const path of sourceFiles("src/")) {
    const calls = /\bfetch\(/.test(await Deno.readTextFile(new URL(path, ROOT)));
    assertEquals(calls, ["src/backend_attempt.ts", "src/main.ts"].includes(path), path);
  }
});

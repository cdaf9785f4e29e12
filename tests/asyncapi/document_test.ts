import { assert, assertEquals } from "@std/assert";
import { Ajv } from "ajv";
import process from "node:process";
import denoJson from "../../deno.json" with { type: "json" };
import { createAsyncApi } from "../../src/asyncapi/document.ts";
import { createCommandTables } from "../../src/commands/table.ts";
import type { Endpoint } from "../../src/protocol/endpoint.ts";
import { parseMessage } from "../../src/log/message.ts";
import { CLOSE } from "../../src/protocol/close_codes.ts";
import { CommandError } from "../../src/protocol/errors.ts";
import { parseRequests } from "../../src/connection/parse_request.ts";
import { startProcess } from "../_support/service/process.ts";
import { variantsOf } from "../_support/variants.ts";

const TABLES = createCommandTables({ has: () => true });
const TOPIC = ["notification", "update_subscription", "logout"];

const { operations, channels, components: { messages } } = createAsyncApi({ version: "1.2.3" });
const ajv = new Ajv({ strict: false });

/** Whether the service takes what is sent to it as this message. */
function takes(name: string, value: unknown): boolean {
  const text = JSON.stringify(value);
  if (TOPIC.includes(name)) return !("reason" in parseMessage(new TextEncoder().encode(text)));
  const [parsed] = parseRequests(text, { knowsBatches: false });
  if (!parsed || "error" in parsed || parsed.request.command !== name) return false;
  try {
    return TABLES["/mobile"].get(name)?.prepare(parsed.request.options) !== undefined;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

/** Messages that the service takes, with their examples. */
const taken = Object.entries(messages).flatMap(([name, { payload, examples }]) =>
  TOPIC.includes(name) || TABLES["/mobile"].has(name)
    ? [{ name, schema: payload, examples: examples.map(({ payload }) => payload) }]
    : []
);

Deno.test("--asyncapi prints a document with which AsyncAPI's own parser is content", async () => {
  // Below the parser somebody still wants Node's punycode.
  process.noDeprecation = true;
  const { Parser } = await import("@asyncapi/parser");
  await using wss = await startProcess({ args: ["--asyncapi"] });
  assertEquals([await wss.exitCode(), wss.complaints], [0, []]);

  const { document, diagnostics } = await new Parser().parse(wss.said.join("\n"));

  assertEquals(diagnostics, []);
  assertEquals(document?.info().version(), denoJson.version);
  assertEquals(document?.allChannels().all().map((channel) => channel.address()), [
    "/web",
    "/mobile",
    "{topic}",
  ]);
});

Deno.test("the document has the commands of each endpoint, and all that is in the topic", () => {
  const received = (channel: string) =>
    Object.entries(operations).filter(([name, { action }]) =>
      name.startsWith(`${channel}.`) && action === "receive"
    ).map(([name]) => name.slice(channel.length + 1));
  for (const endpoint of Object.keys(TABLES) as Endpoint[]) {
    assertEquals(received(endpoint.slice(1)).sort(), [...TABLES[endpoint].keys()].sort());
  }
  assertEquals(received("topic"), TOPIC);
  assertEquals(taken.length, TABLES["/mobile"].size + TOPIC.length);
});

Deno.test("the document has every close code", () => {
  for (const { code } of Object.values(CLOSE)) {
    assert(channels.web.description.includes(`\n- ${code}: `), String(code));
  }
});

Deno.test("every example is what its message's schema says", () => {
  for (const [name, { payload, examples }] of Object.entries(messages)) {
    assert(examples.length > 0, name);
    const validate = ajv.compile(payload);
    for (const example of examples) {
      assert(validate(example.payload), `${name}: ${ajv.errorsText(validate.errors)}`);
    }
  }
});

Deno.test("the service takes every example of what is sent to it", () => {
  for (const { name, examples } of taken) {
    for (const example of examples) assert(takes(name, example), JSON.stringify(example));
  }
});

Deno.test("the service takes just what the document's schemas do", () => {
  const both = {
    type: "update_subscription",
    document: { subscriptions: ["x"], resource: null, options: { reload: false }, data: 1 },
  };
  for (const { name, schema, examples } of taken) {
    const validate = ajv.compile(schema);
    const seeds = name === "update_subscription" ? [...examples, both] : examples;
    const verdicts = seeds.flatMap((seed) => [...variantsOf(seed)]).map((value) => {
      const is = takes(name, value);
      assertEquals(validate(value), is, JSON.stringify(value));
      return is;
    });
    assert(verdicts.includes(true) && verdicts.includes(false), name);
  }
});

import { assert, assertEquals } from "@std/assert";
import { Ajv } from "ajv";
import process from "node:process";
import * as z from "zod";
import denoJson from "../../deno.json" with { type: "json" };
import { createAsyncApi } from "../../src/asyncapi/document.ts";
import { defineCommand } from "../../src/commands/define.ts";
import { createCommandTables } from "../../src/commands/table.ts";
import type { Endpoint } from "../../src/protocol/endpoint.ts";
import { parseMessage } from "../../src/log/message.ts";
import { CLOSE } from "../../src/protocol/close_codes.ts";
import { CommandError, ERRORS } from "../../src/protocol/errors.ts";
import { ok } from "../../src/protocol/frames.ts";
import { parseRequests } from "../../src/connection/parse_request.ts";
import { startProcess } from "../_support/service/process.ts";
import { variantsOf } from "../_support/variants.ts";

const TABLES = createCommandTables({ has: () => true });
const TOPIC = ["notification", "update_subscription", "logout"];

const { operations, channels, components: { messages } } = createAsyncApi({
  version: "1.2.3",
  tables: TABLES,
});
const ajv = new Ajv({ strict: false });

/** Whether the service accepts this value as a message of this name. */
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

/** Messages that the service accepts, with their examples. */
const taken = Object.entries(messages).flatMap(([name, { payload, examples }]) =>
  TOPIC.includes(name) || TABLES["/mobile"].has(name)
    ? [{ name, schema: payload, examples: examples.map(({ payload }) => payload) }]
    : []
);

Deno.test("--asyncapi prints a document that AsyncAPI's own parser accepts", async () => {
  // A package below the parser still imports Node's punycode.
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

Deno.test("the document has the commands of each endpoint and the messages of the topic", () => {
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

Deno.test("a command that is added to a table is in the document", () => {
  const ping = defineCommand({
    name: "ping",
    options: z.object({ text: z.string() }),
    summary: "Answers a text",
    examples: [{ text: "Hello" }],
    reply: {
      summary: "The text",
      payload: z.object({ text: z.string() }),
      examples: [{ payload: { text: "Hello" } }],
    },
    run: () => ok(),
  });
  const tables = { ...TABLES, "/web": new Map([...TABLES["/web"], [ping.name, ping]]) };

  const { operations, channels, components: { messages } } = createAsyncApi({
    version: "1.2.3",
    tables,
  });

  const ref = (name: string) => ({ $ref: `#/channels/web/messages/${name}` });
  assertEquals(operations["web.ping"], {
    action: "receive",
    summary: "Answers a text",
    channel: { $ref: "#/channels/web" },
    messages: [ref("ping")],
    reply: {
      channel: { $ref: "#/channels/web" },
      messages: [ref("ping.ok"), ref("refused"), ref("error")],
    },
  });
  assertEquals(operations["mobile.ping"], undefined);
  assert("ping" in channels.web.messages && "ping.ok" in channels.web.messages);
  assertEquals(messages["ping"]?.examples, [
    { payload: { rid: 1, command: "ping", options: { text: "Hello" } } },
  ]);
  assertEquals(messages["ping.ok"]?.examples, [
    { payload: { rid: 1, event: "ping", status: "ok", payload: { text: "Hello" } } },
  ]);
});

Deno.test("the document has every close code and every error code", () => {
  for (const { code } of Object.values(CLOSE)) {
    assert(channels.web.description.includes(`\n- ${code}: `), String(code));
  }
  const errorSchema = JSON.stringify(messages["error"]);
  for (const slug of Object.keys(ERRORS)) assert(errorSchema.includes(`- ${slug}: `), slug);
});

Deno.test("every example is valid against its message's schema", () => {
  for (const [name, { payload, examples }] of Object.entries(messages)) {
    assert(examples.length > 0, name);
    const validate = ajv.compile(payload);
    for (const example of examples) {
      assert(validate(example.payload), `${name}: ${ajv.errorsText(validate.errors)}`);
    }
  }
});

Deno.test("the service accepts every example of a message to it", () => {
  for (const { name, examples } of taken) {
    for (const example of examples) assert(takes(name, example), JSON.stringify(example));
  }
});

Deno.test("the service accepts the same values as the document's schemas", () => {
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

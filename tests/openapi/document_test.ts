import { assert, assertEquals } from "@std/assert";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { createOpenApi } from "../../src/openapi/document.ts";
import { createCommandTables } from "../../src/commands/table.ts";
import { type BackendCall, startBackend } from "../_support/service/backend.ts";
import { startProcess } from "../_support/service/process.ts";
import { startWss } from "../_support/service/wss.ts";
import { variantsOf } from "../_support/variants.ts";

const { paths } = createOpenApi({ version: "1.2.3" });
const ajv = new Ajv2020({ strict: false });

/** The operations of the document by the requests that the tests' backend gets. */
const OPERATIONS = {
  "GET /user": paths["/users/me"].get,
  "GET /notification": paths["/users/me/notifications"].get,
  "PUT /notification": paths["/users/me/notifications"].put,
  "GET /schedule": paths["/schedules"].get,
  "GET /tournament": paths["/tournaments/{id}"].get,
};
type Operation = typeof OPERATIONS[keyof typeof OPERATIONS];

/** The body of an answer that is ok. */
function bodyOf(key: keyof typeof OPERATIONS) {
  const body = OPERATIONS[key].responses["2XX"].content?.["application/json"];
  if (!body) throw new Error(`The answer of ${key} has no body`);
  return body;
}

/** What the document says against a request; `undefined` if it says the same. */
function objection({ method, url, body, authorization, contentType }: BackendCall) {
  const { pathname, searchParams } = new URL(url, "http://api");
  const [, api, ...ids] = pathname.split("/");
  const key = `${method} /${api}`;
  if (!(key in OPERATIONS)) return `no operation ${key}`;
  const operation: Operation = OPERATIONS[key as keyof typeof OPERATIONS];
  if ((authorization !== null) !== operation.security.length > 0) return "authorization";
  const { parameters, requestBody } = operation;
  if (ids.length !== parameters.filter((parameter) => parameter.in === "path").length) return "ids";
  const inQuery = parameters.filter((parameter) => parameter.in === "query");
  const unknown = [...searchParams.keys()].find((key) => !inQuery.some(({ name }) => name === key));
  if (unknown !== undefined) return `parameter ${unknown}`;
  for (const { name, required, schema } of inQuery) {
    const texts = searchParams.getAll(name);
    if (texts.length === 0 && !required) continue;
    const [text] = texts;
    const value = schema.type === "array" ? texts : schema.type === "integer" ? Number(text) : text;
    if (!ajv.validate(schema, value)) return `${name}: ${ajv.errorsText()}`;
  }
  if (!requestBody) return body === "" ? undefined : "body";
  const content = Object.entries(requestBody.content).find(([type]) => type === contentType)?.[1];
  if (!content) return `content type ${contentType}`;
  if (!ajv.validate(content.schema, JSON.parse(body))) return `body: ${ajv.errorsText()}`;
}

Deno.test("--openapi prints a document that a validator accepts", async () => {
  await using wss = await startProcess({ args: ["--openapi"] });
  assertEquals([await wss.exitCode(), wss.complaints], [0, []]);

  const { valid, errors } = await new Validator().validate(wss.said.join("\n"));

  assert(valid, JSON.stringify(errors));
});

Deno.test("every request that wss sends is as the document says", async () => {
  await using wss = await startWss({
    settings: { RATE_LIMIT: 1_000_000, RATE_LIMIT_BYTES: 1e9, AUTH_CACHE_SECONDS: 0 },
  });
  await using client = await wss.connect("/mobile", { token: "alice" });
  const asked = new Set<string>();
  const { "/mobile": table } = createCommandTables({ has: () => true });

  for (const { name, examples } of table.values()) {
    for (const example of examples) {
      for (const options of [example, ...variantsOf(example)]) {
        await client.request("authentication", { authToken: "alice" });
        wss.backend.forget();
        await client.request(name, options);
        for (const call of wss.backend.calls) {
          asked.add(`${call.method} /${call.url.split(/[/?]/)[1]}`);
          assertEquals(objection(call), undefined, `${call.method} ${call.url} ${call.body}`);
        }
      }
    }
  }

  assertEquals([...asked].sort(), Object.keys(OPERATIONS).sort());
});

Deno.test("wss takes the answers that the document allows, and no others", async () => {
  await using backend = startBackend();
  await using wss = await startWss({ backend, settings: { AUTH_CACHE_SECONDS: 0 } });
  await using client = await wss.connect("/mobile");
  const ask = {
    "GET /user": () => client.request("authentication", { authToken: "alice" }),
    "GET /schedule": () =>
      client.request("getSchedules", { where: { from: 1, to: 2, timezone: "UTC" } }),
    "GET /tournament": () => client.request("getTournament", { where: { id: "cup" } }),
  };
  for (const [key, request] of Object.entries(ask)) {
    const { schema, examples } = bodyOf(key as keyof typeof ask);
    for (const { value } of Object.values(examples)) {
      for (const body of [value, ...variantsOf(value)]) {
        backend.on(key, () => Response.json(body));
        const { status } = await request();
        assertEquals(
          status,
          ajv.validate(schema, body) ? "ok" : "error",
          `${key} ${JSON.stringify(body)}`,
        );
      }
    }
  }
});

Deno.test("wss takes the counts that the document allows, and no others", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { schema, examples } = bodyOf("GET /notification");
  const counts = schema.anyOf?.find(({ title }) => title === "A count");
  const value = examples["count"]?.value;
  if (!counts || !value) throw new Error("The document has no count");
  for (const body of [value, ...variantsOf(value)]) {
    wss.backend.on("GET /notification", () => Response.json(body));
    const { status } = await client.request("getMyNotificationsCount", {
      where: { types: [] },
      status: "unseen",
    });
    assertEquals(status, ajv.validate(counts, body) ? "ok" : "error", JSON.stringify(body));
  }
});

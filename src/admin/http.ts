/**
 * HTTP on the admin port: who may send requests, and how requests are parsed and answered.
 */
import type { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type * as z from "zod";
import type { Settings } from "../settings/settings.ts";
import { isDoneWithin } from "../util/delay.ts";
import { isLoopback } from "../settings/loopback.ts";
import { methodNotAllowed } from "../http/health.ts";
import { reasonOf } from "../protocol/validation.ts";

/** The most bytes of a body, and the most milliseconds until it has arrived. */
const MAX_BODY_BYTES = 1024;
const BODY_MS = 5000;

/** A request that is refused, with the HTTP status and the reason for a person. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Refuses requests that a web page may have sent.
 *
 * @throws {Refusal} The request comes from a page of another origin, or the port is on loopback and
 * the request names another host: a foreign name may resolve to this machine (DNS rebinding)
 */
export function checkSender(
  { headers }: Request,
  { url: { host, hostname }, ADMIN_HOST }: { url: URL } & Pick<Settings, "ADMIN_HOST">,
): void {
  if (isLoopback(ADMIN_HOST) && !isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))) {
    throw new Refusal(403, `Forbidden: the host ${JSON.stringify(hostname)} is not loopback`);
  }
  const origin = headers.get("origin");
  if (origin !== null && URL.parse(origin)?.host !== host) {
    throw new Refusal(403, "Forbidden: the request comes from a page of another origin");
  }
}

/** @throws {Refusal} ADMIN_TOKEN is set, and the request has another token or none */
export function checkToken(
  { headers }: Request,
  { ADMIN_TOKEN }: Pick<Settings, "ADMIN_TOKEN">,
): void {
  if (ADMIN_TOKEN === undefined) return;
  // Upper and lower case are the same in a scheme, RFC 9110, 11.1.
  const given = (headers.get("authorization") ?? "").replace(/^bearer /i, "Bearer ");
  if (!timingSafeEqual(digest(given), digest(`Bearer ${ADMIN_TOKEN}`))) {
    throw new Refusal(401, "Unauthorized: expected Authorization: Bearer <ADMIN_TOKEN>");
  }
}

/** Answers a GET or HEAD; any other method is 405. */
export function get<R>({ method }: Request, respond: () => R): R | Response {
  return method === "GET" || method === "HEAD" ? respond() : methodNotAllowed("GET, HEAD");
}

/**
 * Answers a POST with the result of an action; any other method is 405.
 *
 * The body must be JSON: a page of another origin cannot send that without a CORS preflight, which
 * this port never allows.
 *
 * @throws {Refusal} The content type is not JSON
 */
export async function post(request: Request, act: () => unknown): Promise<Response> {
  if (request.method !== "POST") return methodNotAllowed("POST");
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get("content-type") ?? "")) {
    throw new Refusal(415, "Expected Content-Type: application/json");
  }
  return json(await act());
}

/** Answers with JSON that is indented for people. */
export function json(value: unknown, status = 200): Response {
  return new Response(`${JSON.stringify(value, null, 2)}\n`, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

/**
 * Parses a parameter of the query.
 *
 * @throws {Refusal} The parameter is missing, or the schema refuses it
 */
export function parseParam<S extends z.ZodType>(
  params: URLSearchParams,
  { name, schema }: { name: string; schema: S },
): z.output<S> {
  const value = params.get(name);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const message = reasonOf(result.error.issues[0]?.message ?? "not usable");
  throw new Refusal(
    400,
    value === null
      ? `Missing ?${name}=: ${message}`
      : `Cannot take ${JSON.stringify(value)} as ${name}: ${message}`,
  );
}

/**
 * Reads and parses a JSON body.
 *
 * @throws {Refusal} The body is too large, too slow or not JSON, or the schema refuses it
 */
export async function parseBody<S extends z.ZodType>(
  request: Request,
  schema: S,
): Promise<z.output<S>> {
  let value: unknown;
  try {
    value = JSON.parse(await readBody(request));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Refusal(400, "Cannot read the body: it is not JSON");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const reason = reasonOf(issue?.message ?? "not usable");
  throw new Refusal(400, `Cannot take ${issue?.path.join(".") || "the body"}: ${reason}`);
}

async function readBody({ body }: Request): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const reading = (async () => {
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BODY_BYTES) {
        throw new Refusal(413, `The body has more than ${MAX_BODY_BYTES} bytes`);
      }
      text += decoder.decode(chunk, { stream: true });
    }
  })();
  if (!await isDoneWithin(BODY_MS, reading)) {
    throw new Refusal(408, `The body did not arrive within ${BODY_MS} ms`);
  }
  return text + decoder.decode();
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

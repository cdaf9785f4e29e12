/**
 * Requests to the admin port: what they may be, and how they are refused.
 */
import { isGet, methodNotAllowed } from "../../http/health.ts";
import type { AdminRefusal } from "../../observe/metrics.ts";

/** A request that is refused, with the HTTP status and the reason for a person. */
export class Refusal extends Error {
  readonly status: number;
  /** Why it is refused, if that is counted. The sender has no right to this, or must try later. */
  readonly counted: AdminRefusal | undefined;

  constructor(status: number, message: string, options: { counted?: AdminRefusal } = {}) {
    super(message);
    this.status = status;
    this.counted = options.counted;
  }
}

/** Answers a GET or HEAD; any other method is 405. */
export function get(
  request: Request,
  respond: () => Response | Promise<Response>,
): Response | Promise<Response> {
  return isGet(request) ? respond() : methodNotAllowed("GET, HEAD");
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

/** Answers with JSON that is short, indented for people. */
export function json(value: unknown, status = 200): Response {
  return new Response(`${JSON.stringify(value, null, 2)}\n`, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
